# frozen_string_literal: true

require_relative 'support'

class TestLife < DaemonTest
  def test_what_a_client_says_of_itself
    name = unique('själv')
    client = connect(name, overlay: 'main')
    assert_equal [name, 'main', :connected, 'daemon'], [client.name, client.overlay, client.state, client.daemon]
    assert_predicate client, :connected?
    refute_includes client.inspect, 'secret'
    client.close
    assert_predicate client, :closed?
  end

  def test_a_wrong_option_is_named
    good = { port: 6666, name: 'name', key: 'key' }
    wrong = [
      [:port, 0], [:port, 65_536], [:port, 2**70], [:port, '6666'], [:port, nil], [:name, ''], [:name, "\xff"], [:name, nil], [:name, 7],
      [:secret, 'x' * 256], [:key, ''], [:key, nil], [:additional_keys, ['']], [:additional_keys, ['x'] * 8], [:additional_keys, 'x'],
      [:protocol, 3], [:address, 'localhost'], [:address, '192.0.2.1'], [:address, "\xff"], [:connect_timeout, 0], [:connect_timeout, 'x'],
      [:close_timeout, Float::NAN], [:publish_window, 0], [:delivery_buffer_bytes, -1], [:slow_policy, :never], [:colour, 'blue']
    ]
    wrong.each do |option, value|
      error = assert_raises(Gossiperl::OptionError, "#{option}: #{value.inspect}") { Gossiperl.start(**good, option => value) }
      assert_equal [option, :option], [error.option, error.kind]
      assert_includes error.message, option.to_s
    end
  end

  def test_every_option_is_taken
    client = connect(
      unique('all'), overlay: 'all', additional_keys: ['old'], protocol: 2, address: '127.0.0.1', connect_timeout: 60, close_timeout: 1,
                     publish_window: 10, publish_window_bytes: 100_000, delivery_buffer: 10, delivery_buffer_bytes: 100_000, slow_policy: :drop_oldest
    )
    assert_predicate client.add_key('new'), :connected?
    assert_equal :option, assert_raises(Gossiperl::Error) { client.add_key('') }.kind
  end

  def test_protocol_1
    type = unique('legacy')
    reader = connect.subscribe(type)
    connect(protocol: 1).publish(type, "\xff\x00")
    assert_equal "\xff\x00".b, await_delivery(reader).payload
  end

  def test_slow_readers_are_told_what_was_dropped
    type = unique('dropped')
    slow = connect(delivery_buffer: 10, slow_policy: :drop_oldest).subscribe(type)
    connect.send_messages(type, ['x'] * 1_000).flush
    event = await(slow) { |event| event.event == :dropped }
    assert_equal type, event.type
    assert_operator event.count, :>, 0
  end

  def test_nobody_there_no_answer_and_a_refusal_are_told_apart
    silent = UDPSocket.new
    silent.bind('127.0.0.1', 0)
    options = { port: silent.addr[1], name: 'name', key: 'key', connect_timeout: 0.2 }
    assert_equal :timeout, assert_raises(Gossiperl::TimeoutError) { Gossiperl.connect(**options) }.kind
    silent.close
    assert_raises(Gossiperl::UnreachableError) { Gossiperl.connect(**options) }
    taken = connect
    refused = assert_raises(Gossiperl::RefusedError) { connect(taken.name, secret: 'another') }
    assert_kind_of Integer, refused.code
    started = Gossiperl.start(**options)
    assert_equal :connecting, started.state
    started.close
  end

  def test_using_a_closed_client_is_an_error
    client = connect
    client.close
    client.close
    calls = [
      -> { client.publish('a', '') }, -> { client.send_message('a', '') }, -> { client.send_messages('a', ['']) }, -> { client.subscribe('a') },
      -> { client.unsubscribe('a') }, -> { client.members }, -> { client.watch_members }
    ]
    calls.each { |call| assert_equal :closed, assert_raises(Gossiperl::ClosedError, &call).kind }
    assert_equal :closed, client.state
  end

  def test_a_block_closes_its_client
    held = nil
    assert_equal 7, Gossiperl.connect(**daemon.options(unique('block'))) { |client| (held = client) && 7 }
    assert_predicate held, :closed?
    assert_raises(RuntimeError) { Gossiperl.connect(**daemon.options(unique('block'))) { |client| (held = client) && raise('mine') } }
    assert_predicate held, :closed?
  end

  def test_draining_ends_subscriptions_and_waits
    type = unique('drained')
    reader = connect.subscribe(type)
    writer = connect
    writer.send_messages(type, ['x'] * 1_000).drain.close
    assert_equal 1_000, soon { reader.deliveries.take(1_000) }.size
    assert_empty reader.drain.subscriptions
  end

  def test_waiting_lets_other_threads_run
    client = connect
    client.next_event
    waiting = Thread.new { client.next_event }
    Thread.pass until waiting.stop?
    counted = 0
    soon { counted += 1 until counted == 1_000 }
    # What connects waits too: for a daemon that does not answer.
    silent = UDPSocket.new
    silent.bind('127.0.0.1', 0)
    connecting = Thread.new { Gossiperl.connect(port: silent.addr[1], name: 'name', key: 'key', connect_timeout: LONG) }
    turns = 0
    soon { (turns += 1) && Thread.pass until turns == 10 }
    assert_predicate waiting, :alive?
    assert_predicate connecting, :alive?
    client.close
    assert_nil soon { waiting.value }
    connecting.kill.join
    silent.close
  end

  def test_a_killed_thread_leaves_the_client_as_it_was
    client = connect
    client.next_event
    10.times do
      waiting = Thread.new { client.next_event }
      Thread.pass until waiting.stop?
      soon { waiting.kill.join }
    end
    type = unique('after')
    client.subscribe(type)
    connect.publish(type, 'x')
    assert_equal 'x', await_delivery(client).payload
  end

  def test_a_child_process_may_not_use_its_parents_client
    client = connect
    said = IO.popen('-') do |pipe|
      next pipe.read if pipe

      begin
        kinds = [-> { client.publish('a', '') }, -> { client.state }, -> { client.each_event {} }, -> { client.close }].map do |call|
          call.call
        rescue Gossiperl::Error => e
          e.kind
        end
        GC.start
        print kinds.uniq
        $stdout.flush
      ensure
        exit!(0)
      end
    end
    assert_equal '[:forked]', said
    assert_equal :connected, client.state
    type = unique('parent')
    client.subscribe(type)
    connect.publish(type, 'x')
    assert_equal 'x', await_delivery(client).payload
  end

  def test_a_child_process_makes_clients_of_its_own
    program = <<~RUBY
      require 'gossiperl'
      options = #{daemon.options(unique('child')).inspect}
      used = ARGV == ['used'] && Gossiperl.connect(**options).close
      fork do
        puts Gossiperl.connect(**options).publish('a', 'x').state
      rescue Gossiperl::ForkedError => e
        puts e.message
      end
      Process.wait
    RUBY
    children = [%w[unused], %w[used]].map do |arguments|
      soon { IO.popen([RbConfig.ruby, '-e', program, *arguments], err: %i[child out], &:read) }
    end
    assert_equal "connected\n", children[0]
    if FFI.respond_to?(:_async_cb_dispatcher_atfork_child)
      assert_equal "connected\n", children[1]
    else
      assert_includes children[1], 'ffi 1.16'
    end
  end

  def test_a_process_ends_with_a_client_open
    program = <<~RUBY
      require 'gossiperl'
      client = Gossiperl.connect(**#{daemon.options(unique('open')).inspect}).subscribe('a')
      Thread.new { client.each_event { } }
      fork { }
      Process.wait
      puts 'ended'
    RUBY
    said = soon { IO.popen([RbConfig.ruby, '-e', program], err: %i[child out], &:read) }
    assert_equal "ended\n", said
    assert_predicate $CHILD_STATUS || Process.last_status, :success?
  end
end
