# frozen_string_literal: true

module Gossiperl
  # Typed fields under ids of the application's choice, -32,768 to 32,767: what clients of other languages publish and read by convention.
  #
  #   client.publish 'door', Gossiperl::Digest.new.string(1, 'door 7').bool(2, true).double(3, 21.5)
  #   delivery.digest[1] # => "door 7"
  class Digest
    include Enumerable

    # One field: its id, its kind (:bool, :byte, :i16, :i32, :i64, :double or :string) and its value.
    Field = Struct.new(:id, :kind, :value)

    KINDS = %i[bool byte i16 i32 i64 double string].freeze
    INTEGERS = { byte: 8, i16: 16, i32: 32, i64: 64 }.freeze
    FORMATS = { byte: 'c', i16: 's>', i32: 'l>', i64: 'q>', double: 'G' }.freeze
    private_constant :INTEGERS, :FORMATS

    def initialize
      @fields = {}
    end

    # Sets a field to true or false.
    def bool(id, value)
      unless value.equal?(true) || value.equal?(false)
        raise InvalidArgumentError, "field #{id} is #{value.inspect}: give true or false"
      end

      set(id, :bool, value)
    end

    ##
    # :method: byte
    # Sets a field to a signed integer of 8 bits; #i16, #i32 and #i64 likewise.
    INTEGERS.each do |kind, bits|
      define_method(kind) do |id, value|
        range = (-(2**(bits - 1))..(2**(bits - 1) - 1))
        unless value.is_a?(Integer) && range.cover?(value)
          raise InvalidArgumentError, "field #{id} is #{value.inspect}: give an Integer from #{range.min} to #{range.max}"
        end

        set(id, kind, value)
      end
    end

    # Sets a field to a double. The bits of a NaN are kept.
    def double(id, value)
      raise InvalidArgumentError, "field #{id} is #{value.inspect}: give a number" unless value.is_a?(Numeric) && value.real?

      set(id, :double, value.to_f)
    end

    # Sets a field to a String of any bytes.
    def string(id, value)
      raise InvalidArgumentError, "field #{id} is a #{value.class}: give a String" unless value.is_a?(String)

      set(id, :string, value.dup.freeze)
    end

    # The value of a field; nil where there is none. A string is UTF-8 where its bytes are, and binary otherwise.
    def [](id)
      @fields[id]&.value
    end

    # The value of a field; KeyError where there is none and no block.
    def fetch(id)
      field = @fields[id]
      return field.value if field
      return yield id if block_given?

      raise KeyError.new("the digest has no field #{id}", receiver: self, key: id)
    end

    # The kind of a field; nil where there is none.
    def kind(id)
      @fields[id]&.kind
    end

    # The fields by rising id.
    def fields
      @fields.values.sort_by(&:id)
    end

    # Yields each Field, by rising id.
    def each(&block)
      return enum_for(:each) { @fields.size } unless block

      fields.each(&block)
      self
    end

    # How many fields there are.
    def size
      @fields.size
    end

    # The payload that carries the fields.
    def to_payload
      crossing = fields.map do |field|
        value = case field.kind
                when :bool then field.value ? "\x01" : "\x00"
                when :string then field.value
                else [field.value].pack(FORMATS.fetch(field.kind))
                end
        [field.id, KINDS.index(field.kind) + 1, value.bytesize].pack('s>CN') << value.b
      end
      Native.digest_payload(crossing.join.b)
    end

    # The fields that a payload carries. InvalidArgumentError: it is no digest.
    def self.from_payload(payload)
      new.tap { |digest| digest.__send__(:fill, Native.digest_fields(payload)) }
    end

    def ==(other)
      other.is_a?(Digest) && fields == other.fields
    end
    alias eql? ==

    def hash
      fields.hash
    end

    def inspect
      "#<#{self.class} #{fields.map { |field| "#{field.id}: #{field.kind} #{field.value.inspect}" }.join(', ')}>"
    end

    private

    # Sets the fields that have crossed.
    def fill(crossed)
      at = 0
      while at < crossed.bytesize
        id, kind, length = crossed.unpack('s>CN', offset: at)
        kind = KINDS.fetch(kind - 1)
        set(id, kind, read(kind, crossed.byteslice(at + 7, length)))
        at += 7 + length
      end
    end

    def read(kind, bytes)
      case kind
      when :bool then bytes != "\x00".b
      when :string then text(bytes)
      else bytes.unpack1(FORMATS.fetch(kind))
      end
    end

    def set(id, kind, value)
      unless id.is_a?(Integer) && (-32_768..32_767).cover?(id)
        raise InvalidArgumentError, "the id of a field is #{id.inspect}: give an Integer from -32768 to 32767"
      end

      @fields[id] = Field.new(id, kind, value)
      self
    end

    def text(bytes)
      text = bytes.force_encoding(Encoding::UTF_8)
      (text.valid_encoding? ? text : text.b).freeze
    end
  end
end
