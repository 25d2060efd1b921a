# frozen_string_literal: true

module Gossiperl
  # What all exceptions of this library are.
  class Error < StandardError
    # What it is of, the same in every language: :option, :argument, :unreachable, :timeout, :refused, :busy, :not_acknowledged, :closed, :forked or :system.
    attr_reader :kind
    # The daemon's code, where it refused.
    attr_reader :code
    # The option that is wrong, a Symbol.
    attr_reader :option

    def initialize(message, kind: self.class::KIND, code: nil, option: nil)
      super(message)
      @kind = kind
      @code = code
      @option = option
    end

    # The exception for an error of the native library.
    def self.of(kind, message, code: nil, option: nil)
      known = CLASSES[kind]
      return new(message, kind: kind.to_sym, code: code, option: option&.to_sym) unless known

      known.new(message, code: code, option: option&.to_sym)
    end
  end

  # Of no kind that this version knows.
  Error::KIND = nil

  # An option is missing, unknown, of the wrong class or out of its range: #option names it.
  class OptionError < Error; KIND = :option; end
  # An argument is wrong: an event type or a payload. Nothing was sent.
  class InvalidArgumentError < Error; KIND = :argument; end
  # Nobody listens on the daemon's port.
  class UnreachableError < Error; KIND = :unreachable; end
  # The daemon did not answer in time.
  class TimeoutError < Error; KIND = :timeout; end
  # The daemon refused; #code is its code.
  class RefusedError < Error; KIND = :refused; end
  # Not now: the window is full, or the daemon holds publishers of the type back. Nothing was sent.
  class BusyError < Error; KIND = :busy; end
  # Protocol 1 only: sent several times and never acknowledged. It may have been delivered.
  class NotAcknowledgedError < Error; KIND = :not_acknowledged; end
  # The client is closed.
  class ClosedError < Error; KIND = :closed; end
  # The client belongs to the parent process: make a new one after the fork.
  class ForkedError < Error; KIND = :forked; end
  # The system gave no socket or thread.
  class SystemError < Error; KIND = :system; end

  Error::CLASSES = [
    OptionError, InvalidArgumentError, UnreachableError, TimeoutError, RefusedError,
    BusyError, NotAcknowledgedError, ClosedError, ForkedError, SystemError
  ].to_h { |known| [known::KIND.to_s, known] }.freeze
  Error.private_constant :CLASSES
end
