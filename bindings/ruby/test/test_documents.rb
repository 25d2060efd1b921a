# frozen_string_literal: true

require_relative 'support'

# What users read, run as they would.
class TestDocuments < DaemonTest
  def test_the_readmes_quick_start
    readme = File.read(File.join(Gem.loaded_specs.fetch('gossiperl').full_gem_path, 'README.md'))
    program = readme[/^```ruby\n(.*?)^```/m, 1]
    assert_equal 2, program.scan('port: 6666').size
    program = program.gsub('6666', daemon.port.to_s).gsub('the key of the overlay', Daemon::KEY)
    said = soon { IO.popen([RbConfig.ruby, '-w', '-e', program], err: %i[child out], &:read) }
    assert_includes said, "ordered: three apples\ndoor 7 at 21.5 degrees\n"
  end

  def test_the_chat
    anna = chat('anna')
    assert_match(/^here: /, anna.gets)
    bert = chat('bert')
    assert_match(/anna/, bert.gets)
    heard = ->(pipe, line) { soon { nil until pipe.gets.chomp == line } || true }
    assert heard.call(anna, '* bert comes')
    bert.puts 'größe'
    assert heard.call(anna, 'bert: größe')
    anna.puts 'hello'
    assert heard.call(bert, 'anna: hello')
    bert.close
    assert heard.call(anna, '* bert goes')
    anna.close_write
    soon { anna.read }
  ensure
    anna&.close
    bert&.close
  end

  private

  def chat(name)
    IO.popen({ 'GOSSIPERL_KEY' => Daemon::KEY }, [RbConfig.ruby, 'chat.rb', daemon.port.to_s, name], 'r+')
  end
end
