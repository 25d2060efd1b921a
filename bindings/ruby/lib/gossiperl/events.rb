# frozen_string_literal: true

module Gossiperl
  # What Client#each_event tells. Each class has ::NAME, and each event #event, its name as a Symbol, the same in every language; pattern matching works on their attributes.
  module Event
    # There is a session with the daemon. daemon: its member name; resumed: true where the daemon still had the session.
    Connected = Struct.new(:daemon, :resumed, keyword_init: true) { def event = :connected }
    # There is no session any more. The client goes on trying: publishing waits, subscriptions come back. reason: a sentence.
    Disconnected = Struct.new(:reason, keyword_init: true) { def event = :disconnected }
    # The daemon serves these event types: asked for, or brought back after a reconnection. types: their names.
    Subscribed = Struct.new(:types, keyword_init: true) { def event = :subscribed }
    # The daemon serves these event types no longer. types: their names.
    Unsubscribed = Struct.new(:types, keyword_init: true) { def event = :unsubscribed }
    # A member changed; only after Client#watch_members. change: :in, :quarantine, :unreachable, :drop, :out or :rejoin; member: the Member as it is now.
    MemberChanged = Struct.new(:change, :member, keyword_init: true) { def event = :member }
    # The daemon refused the session or a request; a refused session is asked for again, ever more rarely. error: an Error.
    Failed = Struct.new(:error, keyword_init: true) { def event = :failed }
    # Something was lost because this side was too slow. type: of deliveries, by the policy :drop_oldest; nil: events other than deliveries. count: how many since the last such event.
    Dropped = Struct.new(:type, :count, keyword_init: true) { def event = :dropped }
    # The daemon takes no messages of this type for now: a subscriber is too slow.
    Paused = Struct.new(:type, keyword_init: true) { def event = :paused }
    # The daemon takes messages of this type again.
    Resumed = Struct.new(:type, keyword_init: true) { def event = :resumed }
  end

  # A message.
  class Delivery
    # Its event type, a String tagged UTF-8 that holds whatever bytes the name has.
    attr_reader :type
    # What was published, a binary String of 0 to 60,000 bytes.
    attr_reader :payload

    def initialize(type, id, payload)
      @type = type
      @id = id
      @payload = payload
    end

    # What makes it the same message: text, each id once.
    def id
      # Numbers, as they came, where nobody has asked yet.
      return @id unless @id.encoding == Encoding::BINARY

      text = @id.unpack1('H*').insert(16, '-').force_encoding(Encoding::UTF_8).freeze
      frozen? ? text : @id = text
    end

    def event = :delivery

    # The payload read as typed fields. InvalidArgumentError: it is no digest.
    def digest
      Digest.from_payload(@payload)
    end

    def deconstruct_keys(_keys)
      { type: @type, id: @id, payload: @payload }
    end

    def inspect
      "#<#{self.class} type=#{@type.inspect} id=#{@id.inspect} payload=#{@payload.bytesize} bytes>"
    end
  end
end
