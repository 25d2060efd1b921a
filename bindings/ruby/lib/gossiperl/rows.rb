# frozen_string_literal: true

module Gossiperl
  # Reads and writes the batches that cross; client-ffi/uniffi/src/rows.rs says how they are laid out.
  module Rows
    KINDS = %i[unknown daemon client].freeze
    STATES = %i[unknown reachable quarantine unreachable left].freeze
    CHANGES = [nil, :in, :quarantine, :unreachable, :drop, :out, :rejoin].freeze
    DELIVERY = 5
    NUMBERED = 11
    private_constant :KINDS, :STATES, :CHANGES, :DELIVERY, :NUMBERED

    # The events of a batch.
    def self.events(batch)
      type = nil
      rows(batch) do |kind, first, second, third|
        # Deliveries mostly. Of those of one type in a row only the first names it.
        next event(kind, first, second, third) unless kind == NUMBERED || kind == DELIVERY

        type = name(first) if first
        Delivery.new(type, kind == NUMBERED ? second : name(second), third)
      end
    end

    # The members of a batch.
    def self.members(batch)
      rows(batch) { |_kind, first, second, third| member(first, second, third) }
    end

    # A batch of messages of one type to be handed over.
    def self.messages(type, payloads)
      table = [payloads.size]
      payloads.each { |payload| table.push(0, type.bytesize, 0, payload.bytesize) }
      table.pack('N*') << type << payloads.join(type)
    end

    class << self
      private

      def rows(batch)
        count = batch.unpack1('N')
        table = batch.unpack("N#{count * 4}", offset: 4)
        at = 4 + count * 16
        place = -1
        Array.new(count) do
          kind = table[place += 1]
          length = table[place += 1]
          first = batch.byteslice(at, length) unless length.zero? && (kind == NUMBERED || kind == DELIVERY)
          at += length
          second = batch.byteslice(at, length = table[place += 1])
          at += length
          third = batch.byteslice(at, length = table[place += 1])
          at += length
          yield kind, first, second, third
        end
      end

      def event(kind, first, second, third)
        case kind
        when 1 then Event::Connected.new(daemon: name(first), resumed: !third.empty?)
        when 2 then Event::Disconnected.new(reason: name(first))
        when 3 then Event::Subscribed.new(types: names(first))
        when 4 then Event::Unsubscribed.new(types: names(first))
        when 6
          Event::MemberChanged.new(change: CHANGES[second.getbyte(0)], member: member(first, second, third))
        when 7
          Event::Failed.new(error: Error.of(second, name(first), code: third.empty? ? nil : third.unpack1('l>')))
        when 8
          Event::Dropped.new(type: first.empty? ? nil : name(first), count: second.unpack1('Q>'))
        when 9 then Event::Paused.new(type: name(first))
        when 10 then Event::Resumed.new(type: name(first))
        end
      end

      def member(first, second, third)
        _change, kind, state, racked, heartbeat, address = second.unpack('CCCCq>a*')
        Member.new(name: name(first), kind: KINDS[kind], state: STATES[state],
                   address: address.empty? ? nil : name(address), rack: racked.zero? ? nil : name(third),
                   heartbeat: heartbeat)
      end

      def names(part)
        names = []
        at = 0
        while at < part.bytesize
          length = part.unpack1('N', offset: at)
          names << name(part.byteslice(at + 4, length))
          at += 4 + length
        end
        names
      end

      def name(bytes)
        bytes.force_encoding(Encoding::UTF_8).freeze
      end
    end
  end
  private_constant :Rows
end
