# frozen_string_literal: true

module Gossiperl
  # The options of Gossiperl.connect and Gossiperl.start. One that is wrong is an OptionError that names it.
  #
  # port::                   the port that the daemon's overlay is bound to, 1 to 65535. Must be given.
  # name::                   the client's name, 1 to 255 bytes of UTF-8, unique in the overlay. Must be given.
  # key::                    the overlay's symmetric key. Must be given.
  # secret::                 the client's own, up to 255 bytes; the daemon binds it to the name at first use. Default: empty.
  # additional_keys::        further keys of the overlay's ring to open with, 7 at most.
  # overlay::                what the application calls the overlay; it is not sent.
  # protocol::               2, the default, or 1 for the daemons of 2014.
  # address::                the loopback address that the overlay is bound to. Default 127.0.0.1.
  # connect_timeout::        seconds that connecting waits for the first session. Default 10.
  # close_timeout::          seconds that closing waits for acknowledgements. Default 2.
  # publish_window::         messages that may wait to be acknowledged. Default 16,384.
  # publish_window_bytes::   their bytes. Default 8 MiB.
  # delivery_buffer::        deliveries that may wait to be read. Default 16,384.
  # delivery_buffer_bytes::  their bytes. Default 8 MiB.
  # slow_policy::            :wait, the default, holds publishers back when deliveries are read too slowly; :drop_oldest drops and counts.
  module Options
    # How each is checked. What is in range is the native library's to say.
    KINDS = {
      overlay: :text, port: :integer, name: :bytes, secret: :bytes, key: :bytes, additional_keys: :list,
      protocol: :integer, address: :text, connect_timeout: :seconds, close_timeout: :seconds,
      publish_window: :integer, publish_window_bytes: :integer, delivery_buffer: :integer,
      delivery_buffer_bytes: :integer, slow_policy: :text
    }.freeze
    REQUIRED = %i[port name key].freeze
    I64 = (-(2**63)..(2**63 - 1)).freeze
    private_constant :KINDS, :REQUIRED, :I64

    # The options as they cross.
    def self.lower(options)
      options.each_key do |option|
        next if KINDS.key?(option)

        wrong(option, "there is no such option: give #{KINDS.keys.join(', ')}")
      end
      REQUIRED.each { |option| wrong(option, 'it is missing') if options[option].nil? }
      lowered = KINDS.to_h { |option, kind| [option, options[option].nil? ? nil : send(kind, option, options[option])] }
      lowered[:secret] ||= ''.b
      lowered[:additional_keys] ||= []
      Native::ConnectOptions.new(**lowered)
    end

    class << self
      private

      def wrong(option, message)
        raise OptionError.new("wrong option #{option}: #{message}", option: option)
      end

      def integer(option, given)
        wrong(option, "a #{given.class} was given: give an Integer") unless given.is_a?(Integer)
        given.clamp(I64)
      end

      def seconds(option, given)
        wrong(option, "a #{given.class} was given: give seconds") unless given.is_a?(Numeric) && given.real?
        given.to_f
      end

      def bytes(option, given)
        given = given.name if given.is_a?(Symbol)
        wrong(option, "a #{given.class} was given: give a String") unless given.is_a?(String)
        given.b
      end

      def text(option, given)
        text = bytes(option, given).force_encoding(Encoding::UTF_8)
        wrong(option, 'it is not UTF-8') unless text.valid_encoding?
        text
      end

      def list(option, given)
        wrong(option, "a #{given.class} was given: give an Array of Strings") unless given.is_a?(Array)
        given.map { |one| bytes(option, one) }
      end
    end
  end
end
