# frozen_string_literal: true

module Gossiperl
  # A client of one overlay, made by Gossiperl.connect or Gossiperl.start.
  #
  # Every method may be called from any thread; one that waits lets other threads run, and may be ended by Timeout or Thread#kill without harm. Event types are Strings or Symbols of any bytes. Messages
  # that came and were not looked at wait for the next reader; several readers share them.
  #
  # A forked child can't use its parent's clients: every call is a ForkedError there.
  class Client
    # How many events are taken at a time at most.
    BATCH = 1024
    private_constant :BATCH

    # The client's name.
    attr_reader :name
    # What the application calls the overlay; nil where it did not say.
    attr_reader :overlay

    class << self
      # :nodoc:
      def opened(connection, options)
        client = new(connection, options)
        return client unless block_given?

        begin
          yield client
        ensure
          client.close
        end
      end

      private :new
    end

    def initialize(connection, options)
      @connection = connection
      @name = options[:name].to_s.dup.force_encoding(Encoding::UTF_8).freeze
      @overlay = options[:overlay]&.to_s
      @process = Process.pid
      @ready = []
      @taking = Mutex.new
    end

    # :connecting, :connected or :closed.
    def state
      call { @connection.standing }.state.to_sym
    end

    def connected? = state == :connected
    def closed? = state == :closed

    # The name of the daemon that there is a session with; nil where there is none.
    def daemon
      call { @connection.standing }.daemon&.force_encoding(Encoding::UTF_8)
    end

    # Subscribes to event types, and waits until the daemon serves them; while there is no session, until there is one. InvalidArgumentError, RefusedError: none of them is subscribed to then.
    def subscribe(*types)
      call { @connection.subscribe(types.flatten.map { |type| bytes(type) }) }
      self
    end

    # Ends subscriptions, and waits until the daemon knows. What was delivered before is still read.
    def unsubscribe(*types)
      call { @connection.unsubscribe(types.flatten.map { |type| bytes(type) }) }
      self
    end

    # The event types subscribed to, by name.
    def subscriptions
      call { @connection.subscriptions }.map { |type| type.force_encoding(Encoding::UTF_8) }
    end

    # Publishes one message of 0 to 60,000 bytes, or a Digest, and waits until the daemon has taken responsibility for it.
    def publish(type, payload)
      call { @connection.publish(bytes(type), content(payload)) }
      self
    end

    # Hands over one message, or a Digest, as soon as there is room, and does not wait for the acknowledgement: #flush does, and tells what failed. With wait: false a BusyError where there is no room now.
    def send_message(type, payload, wait: true)
      type = bytes(type)
      payload = content(payload)
      return self if call { @connection.hand_over(type, payload) }
      raise BusyError, "there is no room for a message of type #{type.inspect} now: try later, or wait" unless wait

      call { @connection.hand_over_all(Rows.messages(type, [payload])) }
      self
    end

    # As #send_message for many at a time, in order: it costs much less a message. Up to the first that fails.
    def send_messages(type, payloads)
      type = bytes(type)
      payloads.each_slice(BATCH) do |some|
        call { @connection.hand_over_all(Rows.messages(type, some.map { |payload| content(payload) })) }
      end
      self
    end

    # Waits until the daemon has taken responsibility for everything published so far; raises the first failure since the last flush.
    def flush
      call { @connection.flush }
      self
    end

    # The members as the daemon knows them now.
    def members
      Rows.members(call { @connection.members })
    end

    # The members as they are now; every change from now on is an Event::MemberChanged.
    def watch_members
      Rows.members(call { @connection.watch_members })
    end

    # Adds a key of the overlay's ring to those the client opens with.
    def add_key(key)
      call { @connection.add_key(bytes(key)) }
      self
    end

    # Waits for events, and takes at most max of them. Empty when timeout (seconds; nil: none) is over; nil when the client is closed and everything has been read.
    def next_events(max: BATCH, timeout: nil)
      raise InvalidArgumentError, "max is #{max.inspect}: give an Integer of 1 or more" unless max.is_a?(Integer) && max >= 1

      deadline = timeout && now + timeout
      loop do
        own
        taken = @ready.shift(max)
        return share(taken) unless taken.empty?

        # Another reader may have been quicker.
        case fill(deadline && [deadline - now, 0].max)
        when :nothing then return []
        when :ended then return
        end
      end
    end

    # Waits for one event. nil when timeout (seconds; nil: none) is over, or the client is closed and everything has been read.
    def next_event(timeout: nil)
      next_events(max: 1, timeout: timeout)&.first
    end

    # Yields each event until the client is closed and everything has been read. Where the block leaves or raises, what it has not seen waits for the next reader. Without a block, an Enumerator.
    def each_event
      return enum_for(:each_event) unless block_given?

      loop do
        own
        while (event = @ready.shift)
          yield event
        end
        return self if fill(nil) == :ended
      end
    ensure
      share(nil)
    end

    # As #each_event for deliveries alone: other events are passed over.
    def each_delivery
      return enum_for(:each_delivery) unless block_given?

      each_event { |event| yield event if event.is_a?(Delivery) }
    end

    # An Enumerator of all events.
    def events = enum_for(:each_event)

    # An Enumerator of the deliveries; other events are passed over.
    def deliveries = enum_for(:each_delivery)

    # Ends all subscriptions, and waits until everything published is acknowledged, so that closing loses nothing. What was delivered is still read.
    def drain
      call { @connection.drain }
      self
    end

    # Closes: waits until what was published is acknowledged, but no longer than close_timeout, and says goodbye to the daemon. What was delivered can still be read. Closing again does nothing.
    def close
      call { @connection.shut }
      nil
    end

    def inspect
      "#<#{self.class} #{@name.inspect}>"
    end

    private

    # Takes what there is into @ready, after waiting for it where there is nothing yet: :events, :nothing or :ended. Waiting costs a pipe and a thread, so it comes second.
    def fill(timeout)
      return :events if take

      milliseconds = timeout && (timeout.clamp(0, 1_000_000_000) * 1000).ceil
      case call { @connection.wait(BATCH, milliseconds) }
      when Native::Waited::EVENTS
        take
        :events
      when Native::Waited::NOTHING then :nothing
      else :ended
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # Wakes a reader that waits, where this one leaves something.
    def share(taken)
      @connection.nudge unless @ready.empty? || @process != Process.pid
      taken
    end

    # Whether there was something. What leaves the native library here is in @ready when this is left, even by an interrupt, and in order.
    def take
      Thread.handle_interrupt(Object => :never) do
        @taking.synchronize do
          batch = call { @connection.take(BATCH) }
          @ready.concat(Rows.events(batch)) unless batch.empty?
          !batch.empty?
        end
      end
    end

    def call(&block)
      own
      Native.guard(&block)
    end

    def own
      return if @process == Process.pid

      raise ForkedError, 'this client belongs to the parent process: make a new one after the fork'
    end

    def bytes(given)
      given = given.name if given.is_a?(Symbol)
      raise InvalidArgumentError, "a #{given.class} was given: give a String" unless given.is_a?(String)

      given.b
    end

    def content(payload)
      payload.is_a?(Digest) ? payload.to_payload : bytes(payload)
    end
  end
end
