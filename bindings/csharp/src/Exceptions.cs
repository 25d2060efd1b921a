using System;
using System.Text;

namespace Gossiperl
{
    /// <summary>What went wrong, as a class.</summary>
    public enum ErrorKind
    {
        /// <summary>An option is out of its range.</summary>
        Option = 1,
        /// <summary>An argument is wrong: an event type or a payload. Nothing was sent.</summary>
        Argument = 2,
        /// <summary>Nobody listens on the daemon's port.</summary>
        Unreachable = 3,
        /// <summary>The daemon did not answer in time, or a call took longer than its timeout.</summary>
        Timeout = 4,
        /// <summary>The daemon refused.</summary>
        Refused = 5,
        /// <summary>Not now: the window is full, or the daemon holds publishers of the type back. Nothing was sent.</summary>
        Busy = 6,
        /// <summary>Protocol 1 only: sent several times and never acknowledged. It may have been delivered.</summary>
        NotAcknowledged = 7,
        /// <summary>The client is closed.</summary>
        Closed = 8,
        /// <summary>The client belongs to the parent process.</summary>
        Forked = 9,
        /// <summary>The system gave no socket or thread.</summary>
        System = 10,
    }

    /// <summary>What the client throws; each <see cref="ErrorKind"/> has a class of its own.</summary>
    public class GossiperlException : Exception
    {
        internal GossiperlException(ErrorKind kind, string message, string option, int? code)
            : base(message)
        {
            Kind = kind;
            Option = option;
            Code = code;
        }

        /// <summary>The class of the error.</summary>
        public ErrorKind Kind { get; private set; }

        /// <summary>The option that is wrong, as <see cref="ClientOptions"/> calls it; null for other errors.</summary>
        public string Option { get; private set; }

        /// <summary>The daemon's code; null for errors that have none.</summary>
        public int? Code { get; private set; }

        /// <summary>Throws where a call came to something else than 0.</summary>
        internal static void Check(int result, IntPtr error)
        {
            if (result != 0)
            {
                throw Take(result, error);
            }
        }

        /// <summary>The exception of an error that is to be freed.</summary>
        internal static GossiperlException Take(int result, IntPtr error)
        {
            try
            {
                return Of(result, error);
            }
            finally
            {
                Native.gossiperl_error_free(error);
            }
        }

        /// <summary>The exception of an error that stays as it is.</summary>
        internal static GossiperlException Of(int result, IntPtr error)
        {
            string message = Utf8.Text(Native.gossiperl_error_message(error)) ?? "a call failed";
            string wire = Utf8.Text(Native.gossiperl_error_option(error));
            string option = wire == null ? null : Spelled(wire);
            if (wire != null)
            {
                message = message.Replace(wire, option);
            }
            int? code = Native.gossiperl_error_has_code(error) ? Native.gossiperl_error_code(error) : (int?)null;
            return Made((ErrorKind)result, message, option, code);
        }

        internal static GossiperlException Closed()
        {
            return new GossiperlClosedException("the client is closed: make a new one", null, null);
        }

        private static GossiperlException Made(ErrorKind kind, string message, string option, int? code)
        {
            switch (kind)
            {
                case ErrorKind.Option: return new GossiperlOptionException(message, option, code);
                case ErrorKind.Argument: return new GossiperlArgumentException(message, option, code);
                case ErrorKind.Unreachable: return new GossiperlUnreachableException(message, option, code);
                case ErrorKind.Timeout: return new GossiperlTimeoutException(message, option, code);
                case ErrorKind.Refused: return new GossiperlRefusedException(message, option, code);
                case ErrorKind.Busy: return new GossiperlBusyException(message, option, code);
                case ErrorKind.NotAcknowledged: return new GossiperlNotAcknowledgedException(message, option, code);
                case ErrorKind.Closed: return new GossiperlClosedException(message, option, code);
                case ErrorKind.Forked: return new GossiperlForkedException(message, option, code);
                default: return new GossiperlSystemException(message, option, code);
            }
        }

        /// <summary>connect_timeout is ConnectTimeout here.</summary>
        private static string Spelled(string option)
        {
            var spelled = new StringBuilder();
            foreach (string word in option.Split('_'))
            {
                spelled.Append(char.ToUpperInvariant(word[0])).Append(word, 1, word.Length - 1);
            }
            return spelled.ToString();
        }
    }

    /// <summary>An option is out of its range; <see cref="GossiperlException.Option"/> names it.</summary>
    public sealed class GossiperlOptionException : GossiperlException
    {
        internal GossiperlOptionException(string message, string option, int? code)
            : base(ErrorKind.Option, message, option, code)
        {
        }
    }

    /// <summary>An argument is wrong. Nothing was sent.</summary>
    public sealed class GossiperlArgumentException : GossiperlException
    {
        internal GossiperlArgumentException(string message, string option, int? code)
            : base(ErrorKind.Argument, message, option, code)
        {
        }
    }

    /// <summary>Nobody listens on the daemon's port.</summary>
    public sealed class GossiperlUnreachableException : GossiperlException
    {
        internal GossiperlUnreachableException(string message, string option, int? code)
            : base(ErrorKind.Unreachable, message, option, code)
        {
        }
    }

    /// <summary>The daemon did not answer in time, or a call took longer than its timeout.</summary>
    public sealed class GossiperlTimeoutException : GossiperlException
    {
        internal GossiperlTimeoutException(string message, string option, int? code)
            : base(ErrorKind.Timeout, message, option, code)
        {
        }
    }

    /// <summary>The daemon refused; <see cref="GossiperlException.Code"/> is its code.</summary>
    public sealed class GossiperlRefusedException : GossiperlException
    {
        internal GossiperlRefusedException(string message, string option, int? code)
            : base(ErrorKind.Refused, message, option, code)
        {
        }
    }

    /// <summary>Not now. Nothing was sent.</summary>
    public sealed class GossiperlBusyException : GossiperlException
    {
        internal GossiperlBusyException(string message, string option, int? code)
            : base(ErrorKind.Busy, message, option, code)
        {
        }
    }

    /// <summary>Protocol 1 only: never acknowledged. It may have been delivered.</summary>
    public sealed class GossiperlNotAcknowledgedException : GossiperlException
    {
        internal GossiperlNotAcknowledgedException(string message, string option, int? code)
            : base(ErrorKind.NotAcknowledged, message, option, code)
        {
        }
    }

    /// <summary>The client is closed.</summary>
    public sealed class GossiperlClosedException : GossiperlException
    {
        internal GossiperlClosedException(string message, string option, int? code)
            : base(ErrorKind.Closed, message, option, code)
        {
        }
    }

    /// <summary>The client belongs to the parent process.</summary>
    public sealed class GossiperlForkedException : GossiperlException
    {
        internal GossiperlForkedException(string message, string option, int? code)
            : base(ErrorKind.Forked, message, option, code)
        {
        }
    }

    /// <summary>The system gave no socket or thread.</summary>
    public sealed class GossiperlSystemException : GossiperlException
    {
        internal GossiperlSystemException(string message, string option, int? code)
            : base(ErrorKind.System, message, option, code)
        {
        }
    }
}
