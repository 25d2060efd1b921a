# frozen_string_literal: true

# The generated code calls IO#wait_readable, which Ruby 3.1 has only with this.
require 'io/wait'
require 'gossiperl/generated'

module Gossiperl
  # The generated code, as the rest of this library uses it. Not for applications.
  module Native
    Connection = ::GossiperlUniffi::Connection
    ConnectOptions = ::GossiperlUniffi::ConnectOptions
    Waited = ::GossiperlUniffi::Waited

    # Runs the block, with the native library's errors as exceptions of ours.
    def self.guard
      yield
    rescue ::GossiperlUniffi::Failure::Failed => e
      raise Error.of(e.kind, e.text, code: e.code, option: e.option), cause: nil
    end

    def self.digest_payload(fields)
      guard { ::GossiperlUniffi.digest_payload(fields) }
    end

    def self.digest_fields(payload)
      guard { ::GossiperlUniffi.digest_fields(payload) }
    end

    # Writes bytes into the memory that crosses in one piece. The generated code makes an array with an Integer for each byte first, only to count them, too, which costs more than all else together.
    module WholeWrites
      def write_bytes(value)
        value = value.to_str
        pack_into(4, 'l>', value.bytesize)
        write(value)
      end

      def write(value)
        reserve(value.bytesize) { @rust_buf.data.put_bytes(@rust_buf.len, value) }
      end
    end

    # Keeps a child process from freeing what is its parent's: the threads that would help are the parent's, and a lock that one of them held stays locked in the child.
    module AfterFork
      def _fork
        child = super
        Native.disown if child.zero?
        child
      end
    end

    @owned = ObjectSpace::WeakMap.new
    @used = false
    @severed = false

    # Makes a connection, and remembers it until it is collected.
    def self.open
      raise ForkedError, SEVERED if @severed

      @used = true
      connection = guard { yield }
      @owned[connection] = true
      connection
    end

    def self.disown
      @owned.each_key { |connection| ObjectSpace.undefine_finalizer(connection) }
      @owned = ObjectSpace::WeakMap.new
      # The thread that brings what has been waited for is the parent's; before ffi 1.16 a child never gets its own.
      @severed = @used && !FFI.respond_to?(:_async_cb_dispatcher_atfork_child)
    end

    SEVERED = 'a client was made before the fork, and with this ffi a child then cannot make one: use ffi 1.16 or later, or make clients after the fork only'
    private_constant :SEVERED

    # Native calls are short, and an interrupt waits until one has returned: it could be raised in a callback that runs meanwhile, and what native code calls can pass on no exception.
    module Uninterrupted
      def public_send(*arguments)
        Thread.handle_interrupt(Object => :never) { super }
      end
    end

    # Whoever waits is told through this, on whatever thread that may be. The generated code rescues what is raised in it and then tells nobody, so a Timeout, a Thread#raise or a Thread#kill that came just then
    # was lost, and its thread waited without end. They wait until it is left; but for the IOError that says that who was told has closed his end by now, which is nobody's business.
    def self.shield(continuation)
      proc do |data, code|
        Thread.handle_interrupt(Object => :never, IOError => :immediate) { continuation.call(data, code) }
      rescue IOError
        nil
      end
    end

    ::GossiperlUniffi.const_set(:UNIFFI_CONTINUATION_CALLBACK, shield(::GossiperlUniffi.send(:remove_const, :UNIFFI_CONTINUATION_CALLBACK)))
    ::GossiperlUniffi.const_get(:UniFFILib).singleton_class.prepend(Uninterrupted)
    ::GossiperlUniffi.const_get(:RustBufferBuilder).prepend(WholeWrites)
    ::Process.singleton_class.prepend(AfterFork)
  end
  private_constant :Native
end
