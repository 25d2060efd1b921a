# frozen_string_literal: true

# Built from a folder that ci/bindings/ruby fills: this one's lib, the generated code and the library beside it.
Gem::Specification.new do |gem|
  gem.name = 'gossiperl'
  gem.version = ENV.fetch('GOSSIPERL_VERSION')
  gem.summary = 'Client of gossiperl: publish, subscribe and membership through the daemon of the host'
  gem.description = 'Membership, presence and publish/subscribe across hosts, through the gossiperl daemon. No compiler is needed: the library is in the gem.'
  gem.authors = ['gossiperl maintainers']
  gem.licenses = ['MIT', 'Apache-2.0']
  gem.homepage = 'https://github.com/gossiperl/gossiperl'
  gem.metadata = { 'rubygems_mfa_required' => 'true' }
  gem.platform = Gem::Platform::CURRENT
  gem.required_ruby_version = '>= 3.1'
  gem.files = Dir['lib/**/*', 'README.md', 'LICENSE-*']
  gem.add_dependency 'ffi', '>= 1.15', '< 2'
end
