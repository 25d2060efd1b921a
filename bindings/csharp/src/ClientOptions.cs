using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Gossiperl
{
    /// <summary>What happens when deliveries are read too slowly.</summary>
    public enum SlowPolicy
    {
        /// <summary>Publishers are held back.</summary>
        Wait = 0,
        /// <summary>The oldest are dropped, and counted in a <see cref="DroppedEvent"/>.</summary>
        DropOldest = 1,
    }

    /// <summary>What a client is made of. Null stands for the default. They are checked and copied where a client is made.</summary>
    public sealed class ClientOptions
    {
        /// <summary>The options that have no default.</summary>
        /// <param name="port">The port that the daemon's overlay is bound to, 1 to 65535.</param>
        /// <param name="name">The client's name, 1 to 255 bytes of UTF-8, unique in the overlay.</param>
        /// <param name="key">The overlay's symmetric key.</param>
        public ClientOptions(int port, string name, byte[] key)
        {
            Port = port;
            Name = name;
            Key = key;
            AdditionalKeys = new List<byte[]>();
        }

        /// <summary>As the other one, with the key as text.</summary>
        public ClientOptions(int port, string name, string key)
            : this(port, name, key == null ? null : Encoding.UTF8.GetBytes(key))
        {
        }

        /// <summary>What the application calls the overlay. It is not sent.</summary>
        public string Overlay { get; set; }

        /// <summary>The port that the daemon's overlay is bound to, 1 to 65535.</summary>
        public int Port { get; set; }

        /// <summary>The client's name, 1 to 255 bytes of UTF-8, unique in the overlay.</summary>
        public string Name { get; set; }

        /// <summary>The client's own secret, 0 to 255 bytes; the daemon binds it to the name at first use.</summary>
        public byte[] Secret { get; set; }

        /// <summary>The overlay's symmetric key, at least 1 byte.</summary>
        public byte[] Key { get; set; }

        /// <summary>Further keys of the overlay's ring to open with, 7 at most.</summary>
        public IList<byte[]> AdditionalKeys { get; private set; }

        /// <summary>2, the default, or 1 for the daemons of 2014.</summary>
        public int? Protocol { get; set; }

        /// <summary>The loopback address that the overlay is bound to. Default 127.0.0.1.</summary>
        public string Address { get; set; }

        /// <summary>How long connecting waits for the first session, above 0. Default 10 seconds.</summary>
        public TimeSpan? ConnectTimeout { get; set; }

        /// <summary>How long closing waits for what was published to be acknowledged. Default 2 seconds.</summary>
        public TimeSpan? CloseTimeout { get; set; }

        /// <summary>Published messages that may wait for acknowledgement. Default 16,384.</summary>
        public long? PublishWindow { get; set; }

        /// <summary>Their bytes. Default 8 MiB.</summary>
        public long? PublishWindowBytes { get; set; }

        /// <summary>Deliveries that may wait to be read. Default 16,384.</summary>
        public long? DeliveryBuffer { get; set; }

        /// <summary>Their bytes. Default 8 MiB.</summary>
        public long? DeliveryBufferBytes { get; set; }

        /// <summary>What happens when deliveries are read too slowly. Default <see cref="Gossiperl.SlowPolicy.Wait"/>.</summary>
        public SlowPolicy? SlowPolicy { get; set; }

        /// <summary>The native options, to be disposed of.</summary>
        internal OptionsHandle ToHandle()
        {
            Native.Load();
            return Made();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private OptionsHandle Made()
        {
            OptionsHandle options = Native.gossiperl_options_new();
            try
            {
                Fill(options);
                return options;
            }
            catch
            {
                options.Dispose();
                throw;
            }
        }

        private void Fill(OptionsHandle options)
        {
            IntPtr error;
            Check(Native.gossiperl_options_set_port(options, Port, out error), error);
            byte[] name = Name == null ? null : NameText.Bytes(Name);
            Check(Native.gossiperl_options_set_name(options, name, Utf8.Length(name), out error), error);
            Check(Native.gossiperl_options_set_key(options, Key, Utf8.Length(Key), out error), error);
            Check(Native.gossiperl_options_set_secret(options, Secret, Utf8.Length(Secret), out error), error);
            foreach (byte[] key in AdditionalKeys)
            {
                Check(Native.gossiperl_options_add_additional_key(options, key, Utf8.Length(key), out error), error);
            }
            if (Overlay != null)
            {
                byte[] overlay = Encoding.UTF8.GetBytes(Overlay);
                Check(Native.gossiperl_options_set_overlay(options, overlay, Utf8.Length(overlay), out error), error);
            }
            if (Protocol.HasValue)
            {
                Check(Native.gossiperl_options_set_protocol(options, Protocol.Value, out error), error);
            }
            if (Address != null)
            {
                byte[] address = Encoding.UTF8.GetBytes(Address);
                Check(Native.gossiperl_options_set_address(options, address, Utf8.Length(address), out error), error);
            }
            if (ConnectTimeout.HasValue)
            {
                Check(Native.gossiperl_options_set_connect_timeout(options, ConnectTimeout.Value.TotalSeconds, out error), error);
            }
            if (CloseTimeout.HasValue)
            {
                Check(Native.gossiperl_options_set_close_timeout(options, CloseTimeout.Value.TotalSeconds, out error), error);
            }
            if (PublishWindow.HasValue)
            {
                Check(Native.gossiperl_options_set_publish_window(options, PublishWindow.Value, out error), error);
            }
            if (PublishWindowBytes.HasValue)
            {
                Check(Native.gossiperl_options_set_publish_window_bytes(options, PublishWindowBytes.Value, out error), error);
            }
            if (DeliveryBuffer.HasValue)
            {
                Check(Native.gossiperl_options_set_delivery_buffer(options, DeliveryBuffer.Value, out error), error);
            }
            if (DeliveryBufferBytes.HasValue)
            {
                Check(Native.gossiperl_options_set_delivery_buffer_bytes(options, DeliveryBufferBytes.Value, out error), error);
            }
            if (SlowPolicy.HasValue)
            {
                byte[] policy = Encoding.UTF8.GetBytes(Named(SlowPolicy.Value));
                Check(Native.gossiperl_options_set_slow_policy(options, policy, Utf8.Length(policy), out error), error);
            }
        }

        private static string Named(SlowPolicy policy)
        {
            switch (policy)
            {
                case Gossiperl.SlowPolicy.Wait: return "wait";
                case Gossiperl.SlowPolicy.DropOldest: return "drop_oldest";
                default: return ((int)policy).ToString(CultureInfo.InvariantCulture);
            }
        }

        private static void Check(int result, IntPtr error)
        {
            GossiperlException.Check(result, error);
        }
    }
}
