# frozen_string_literal: true

require_relative 'support'

class TestEvents < DaemonTest
  def test_events_come_in_order
    type = unique('ordered')
    client = connect
    client.subscribe(type).unsubscribe(type)
    seen = []
    client.close
    client.each_event { |event| seen << event.event }
    assert_equal %i[connected subscribed unsubscribed], seen
    assert_nil client.next_events
    assert_nil client.next_event
  end

  def test_events_can_be_matched
    client = connect
    case client.next_event
    in Gossiperl::Event::Connected[daemon:, resumed:]
      assert_equal ['daemon', false], [daemon, resumed]
    end
    type = unique('matched')
    client.subscribe(type)
    connect.publish(type, 'x')
    case await_delivery(client)
    in { type: ^type, payload: }
      assert_equal 'x', payload
    end
  end

  def test_nothing_for_a_while_is_nothing
    client = connect
    client.next_event
    assert_nil client.next_event(timeout: 0.02)
    assert_equal [], client.next_events(timeout: 0)
  end

  def test_members_and_their_changes
    watcher = connect
    name = unique('watched')
    now = watcher.watch_members
    assert_includes now.map(&:name), 'daemon'
    assert_predicate now.find { |member| member.name == 'daemon' }, :daemon?
    other = connect(name)
    event = await(watcher) { |event| event.event == :member && event.member.name == name }
    assert_equal :in, event.change
    assert_predicate event.member, :client?
    assert_predicate event.member, :reachable?
    assert_includes watcher.members.map(&:name), name
    other.close
    assert_equal :out, await(watcher) { |event| event.event == :member && event.member.name == name }.change
  end

  def test_a_daemon_that_goes_and_comes_back_is_two_events_and_no_lost_subscription
    own = Daemon.new
    type = unique('kept')
    client = connect(on: own).subscribe(type)
    assert_equal %i[connected subscribed], 2.times.map { soon { client.next_event }.event }
    own.crash
    assert_equal :disconnected, soon { client.next_event }.event
    assert_equal [:connecting, nil], [client.state, client.daemon]
    own.start
    assert_equal %i[connected subscribed], 2.times.map { soon { client.next_event }.event }
    assert_equal [:connected, 'daemon'], [client.state, client.daemon]
    connect(on: own).publish(type, 'still')
    assert_equal 'still', await_delivery(client).payload
  ensure
    teardown
    @clients.clear
    own.stop
  end

  def test_a_block_that_raises_or_leaves_loses_nothing
    type = unique('block')
    client = connect.subscribe(type)
    connect.send_messages(type, %w[1 2 3 4 5]).flush
    assert_raises(RuntimeError) { soon { client.each_delivery { |delivery| raise 'mine' if delivery.payload == '2' } } }
    assert_equal '3', soon { client.each_delivery { |delivery| break delivery.payload } }
    assert_equal '4', soon { client.deliveries.first.payload }
    # The enumerator's own fibre.
    assert_equal '5', soon { client.deliveries.next.payload }
  end

  def test_a_block_may_use_the_client
    type = unique('reply')
    client = connect.subscribe(type)
    other = connect.subscribe("#{type}.back")
    Thread.new { client.each_delivery { |delivery| client.publish("#{type}.back", delivery.payload.reverse) } }
    other.publish(type, 'abc')
    assert_equal 'cba', await_delivery(other).payload
  end

  def test_an_interrupted_reader_loses_nothing
    type = unique('interrupted')
    client = connect.subscribe(type)
    writer = connect
    seen = []
    interrupts = 0
    stop = Class.new(StandardError)
    shielded = Queue.new
    reader = Thread.new do
      Thread.current.report_on_exception = false
      # What the block does is its own to protect.
      Thread.handle_interrupt(stop => :on_blocking) do
        shielded << true
        client.each_delivery { |delivery| seen << delivery.payload.to_i }
      rescue stop
        interrupts += 1
        retry
      end
    end
    # An interrupt before that would end the thread.
    shielded.pop
    # Often enough that some come while the native library tells the reader something.
    500.times do |number|
      writer.publish(type, number.to_s)
      reader.raise(stop) if (number % 4).zero?
    end
    soon { sleep 0.01 until seen.size >= 500 && interrupts >= 125 }
    client.close
    soon { reader.join }
    assert_equal (0...500).to_a, seen
    assert_equal 125, interrupts
  end

  # The generated code told nobody then, and who waited did so without end.
  def test_who_waits_is_told_though_an_interrupt_is_pending
    told, tell = IO.pipe
    handle = GossiperlUniffi::UNIFFI_ASYNC_HANDLE_MAP.insert(tell)
    stop = Class.new(StandardError)
    ready = Queue.new
    interrupted = false
    thread = Thread.new do
      Thread.handle_interrupt(stop => :on_blocking) do
        ready << true
        Thread.pass until Thread.pending_interrupt?
        GossiperlUniffi::UNIFFI_CONTINUATION_CALLBACK.call(handle, 1)
        sleep
      rescue stop
        interrupted = true
      end
    end
    ready.pop
    thread.raise(stop)
    soon { thread.join }
    assert interrupted
    assert_equal "\x01", told.read_nonblock(1)
  ensure
    GossiperlUniffi::UNIFFI_ASYNC_HANDLE_MAP.remove(handle)
    [told, tell].each(&:close)
  end

  def test_what_a_reader_leaves_goes_to_one_that_waits
    type = unique('left')
    client = connect.subscribe(type)
    await(client) { |event| event.is_a?(Gossiperl::Event::Subscribed) }
    seen = Queue.new
    readers = Array.new(2) do
      Thread.new do
        client.each_delivery do |delivery|
          seen << delivery.payload
          break
        end
      end
    end
    soon { sleep 0.01 until readers.all? { |reader| reader.status == 'sleep' } }
    # All in one batch for one of them, mostly.
    connect.send_messages(type, (0...10).map(&:to_s)).flush
    soon { readers.each(&:join) }
    assert_equal %w[0 1], Array.new(2) { seen.pop }.sort
  end

  def test_several_readers_share
    type = unique('shared')
    client = connect.subscribe(type)
    seen = Queue.new
    readers = Array.new(4) { Thread.new { client.each_delivery { |delivery| seen << delivery.payload.to_i } } }
    connect.send_messages(type, (0...2_000).map(&:to_s)).flush
    soon { sleep 0.01 until seen.size == 2_000 }
    client.close
    soon { readers.each(&:join) }
    assert_equal (0...2_000).to_a, Array.new(2_000) { seen.pop }.sort
  end
end
