using System;
using System.Runtime.InteropServices;

namespace Gossiperl
{
    /// <summary>A handle of the native library, freed once nobody is in a call with it.</summary>
    internal abstract class Handle : SafeHandle
    {
        protected Handle()
            : base(IntPtr.Zero, true)
        {
        }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }
    }

    internal sealed class OptionsHandle : Handle
    {
        protected override bool ReleaseHandle()
        {
            Native.gossiperl_options_free(handle);
            return true;
        }
    }

    internal sealed class ClientHandle : Handle
    {
        internal ClientHandle(IntPtr client)
        {
            SetHandle(client);
        }

        protected override bool ReleaseHandle()
        {
            Native.gossiperl_client_free(handle);
            return true;
        }
    }

    internal sealed class EventsHandle : Handle
    {
        internal EventsHandle(IntPtr events)
        {
            SetHandle(events);
        }

        protected override bool ReleaseHandle()
        {
            Native.gossiperl_events_free(handle);
            return true;
        }
    }

    internal sealed class DigestHandle : Handle
    {
        protected override bool ReleaseHandle()
        {
            Native.gossiperl_digest_free(handle);
            return true;
        }
    }
}
