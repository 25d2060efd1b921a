# frozen_string_literal: true

require 'minitest/autorun'
require 'fileutils'
require 'socket'
require 'tmpdir'
require 'timeout'
require 'gossiperl'

# A gossiperld of its own folder, on a free port.
class Daemon
  KEY = 'a key for trying Ruby only'

  attr_reader :port

  def initialize
    @folder = Dir.mktmpdir
    UDPSocket.open do |free|
      free.bind('127.0.0.1', 0)
      @port = free.addr[1]
    end
    @config = File.join(@folder, 'gossiperl.toml')
    File.write(@config, <<~TOML, perm: 0o600)
      data_dir = "#{@folder}/data"
      rest = false
      [overlays.ruby]
      ip = "127.0.0.1"
      port = #{@port}
      member_name = "daemon"
      symmetric_key = "#{KEY}"
      racks = { default = [] }
    TOML
    start
  end

  def start
    @log, log = IO.pipe
    @process = Process.spawn(ENV.fetch('GOSSIPERLD'), '--config', @config, err: log)
    log.close
    nil until (@log.gets or raise 'gossiperld did not start').include?('started')
    @reading = Thread.new { IO.copy_stream(@log, IO::NULL) }
  end

  # As kill -9 does.
  def crash
    Process.kill(:KILL, @process)
    ended
  end

  def stop
    Process.kill(:TERM, @process)
    ended
    FileUtils.rm_rf(@folder)
  end

  def options(name, **more)
    { port: @port, key: KEY, name: name, secret: "the secret of #{name}", connect_timeout: 60, **more }
  end

  private

  def ended
    Process.wait(@process)
    @reading.join
    @log.close
  end
end

# A test with a daemon, which all tests of a run share unless they stop it.
class DaemonTest < Minitest::Test
  # Longer than anything takes on a machine that is up, seconds.
  LONG = 60

  def self.daemon
    @@daemon ||= Daemon.new.tap { |daemon| Minitest.after_run { daemon.stop } }
  end

  def daemon = DaemonTest.daemon

  def setup
    @clients = []
  end

  def teardown
    @clients.each(&:close)
  end

  def connect(name = unique('client'), on: daemon, **more)
    client = Gossiperl.connect(**on.options(name, **more))
    @clients << client
    client
  end

  # A name that no other test uses.
  def unique(what)
    @@unique = (@@unique ||= 0) + 1
    "#{what}-#{@@unique}"
  end

  def soon(&block) = Timeout.timeout(LONG, &block)

  # Reads events up to the first that the block wants.
  def await(client)
    soon do
      loop do
        event = client.next_event or flunk 'the client has ended'
        return event if yield event
      end
    end
  end

  def await_delivery(client) = await(client) { |event| event.is_a?(Gossiperl::Delivery) }
end
