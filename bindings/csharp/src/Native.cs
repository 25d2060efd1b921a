using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Gossiperl
{
    /// <summary>Every function of gossiperl.h, and its structures, field by field. What the functions do is said there.</summary>
    internal static unsafe class Native
    {
        private const string Library = "gossiperl";

        /// <summary>Makes sure that the library is found. The first call of the library must be in another method, not to be inlined: Mono looks a function up when it compiles what
        /// calls it.</summary>
        internal static void Load()
        {
            Loader.Load();
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Bytes
        {
            internal byte* data;
            internal UIntPtr length;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct MemberData
        {
            internal Bytes name;
            internal Bytes address;
            internal Bytes rack;
            internal long heartbeat;
            internal int kind;
            internal int state;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct EventData
        {
            internal int kind;
            internal int change;
            internal Bytes name;
            internal Bytes payload;
            internal long publisher;
            internal long sequence;
            internal Bytes envelope_id;
            internal ulong count;
            internal Bytes* names;
            internal UIntPtr names_length;
            internal MemberData* member;
            internal IntPtr error;
            internal byte resumed;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct FieldData
        {
            internal long integer;
            internal double number;
            internal Bytes @string;
            internal int kind;
            internal short id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct CompletionData
        {
            internal long token;
            internal IntPtr error;
            internal IntPtr client;
            internal IntPtr names;
            internal IntPtr members;
            internal IntPtr events;
            internal int result;
        }

        [DllImport(Library)] internal static extern Bytes gossiperl_version();

        [DllImport(Library)] internal static extern int gossiperl_error_result(IntPtr error);
        [DllImport(Library)] internal static extern Bytes gossiperl_error_message(IntPtr error);
        [DllImport(Library)] internal static extern Bytes gossiperl_error_option(IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_error_code(IntPtr error);
        [DllImport(Library)] [return: MarshalAs(UnmanagedType.I1)] internal static extern bool gossiperl_error_has_code(IntPtr error);
        [DllImport(Library)] internal static extern void gossiperl_error_free(IntPtr error);

        [DllImport(Library)] internal static extern OptionsHandle gossiperl_options_new();
        [DllImport(Library)] internal static extern void gossiperl_options_free(IntPtr options);
        [DllImport(Library)] internal static extern int gossiperl_options_set_overlay(OptionsHandle options, byte[] overlay, UIntPtr overlay_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_port(OptionsHandle options, long port, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_name(OptionsHandle options, byte[] name, UIntPtr name_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_secret(OptionsHandle options, byte[] secret, UIntPtr secret_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_key(OptionsHandle options, byte[] key, UIntPtr key_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_add_additional_key(OptionsHandle options, byte[] key, UIntPtr key_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_protocol(OptionsHandle options, long protocol, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_address(OptionsHandle options, byte[] address, UIntPtr address_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_connect_timeout(OptionsHandle options, double seconds, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_close_timeout(OptionsHandle options, double seconds, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_publish_window(OptionsHandle options, long messages, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_publish_window_bytes(OptionsHandle options, long bytes, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_delivery_buffer(OptionsHandle options, long messages, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_delivery_buffer_bytes(OptionsHandle options, long bytes, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_options_set_slow_policy(OptionsHandle options, byte[] policy, UIntPtr policy_length, out IntPtr error);

        [DllImport(Library)] internal static extern int gossiperl_connect(OptionsHandle options, out IntPtr client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_start(OptionsHandle options, out IntPtr client, out IntPtr error);
        [DllImport(Library)] internal static extern void gossiperl_client_free(IntPtr client);
        [DllImport(Library)] internal static extern Bytes gossiperl_client_name(ClientHandle client);
        [DllImport(Library)] internal static extern Bytes gossiperl_client_overlay(ClientHandle client);
        [DllImport(Library)] internal static extern int gossiperl_client_state(ClientHandle client, byte[] daemon, UIntPtr capacity, out UIntPtr daemon_length);
        [DllImport(Library)] internal static extern int gossiperl_add_key(ClientHandle client, byte[] key, UIntPtr key_length, out IntPtr error);

        [DllImport(Library)] internal static extern int gossiperl_subscribe(ClientHandle client, Bytes* event_types, UIntPtr count, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_unsubscribe(ClientHandle client, Bytes* event_types, UIntPtr count, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_subscriptions(ClientHandle client, long timeout_ms, out IntPtr names, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_publish(ClientHandle client, byte[] event_type, UIntPtr event_type_length, byte[] payload, UIntPtr payload_length, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_send(ClientHandle client, byte[] event_type, UIntPtr event_type_length, byte[] payload, UIntPtr payload_length, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_flush(ClientHandle client, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_members(ClientHandle client, long timeout_ms, out IntPtr members, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_watch_members(ClientHandle client, long timeout_ms, out IntPtr members, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_next_events(ClientHandle client, UIntPtr max, long timeout_ms, out IntPtr events, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_drain(ClientHandle client, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_close(ClientHandle client, out IntPtr error);

        [DllImport(Library)] internal static extern Bytes* gossiperl_names_items(IntPtr names, out UIntPtr length);
        [DllImport(Library)] internal static extern void gossiperl_names_free(IntPtr names);
        [DllImport(Library)] internal static extern MemberData* gossiperl_members_items(IntPtr members, out UIntPtr length);
        [DllImport(Library)] internal static extern void gossiperl_members_free(IntPtr members);
        [DllImport(Library)] internal static extern EventData* gossiperl_events_items(EventsHandle events, out UIntPtr length);
        [DllImport(Library)] internal static extern void gossiperl_events_free(IntPtr events);

        [DllImport(Library)] internal static extern DigestHandle gossiperl_digest_new();
        [DllImport(Library)] internal static extern int gossiperl_digest_read(byte[] payload, UIntPtr payload_length, out DigestHandle digest, out IntPtr error);
        [DllImport(Library)] internal static extern void gossiperl_digest_free(IntPtr digest);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_bool(DigestHandle digest, short id, [MarshalAs(UnmanagedType.I1)] bool value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_byte(DigestHandle digest, short id, sbyte value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_i16(DigestHandle digest, short id, short value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_i32(DigestHandle digest, short id, int value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_i64(DigestHandle digest, short id, long value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_double(DigestHandle digest, short id, double value);
        [DllImport(Library)] internal static extern int gossiperl_digest_set_string(DigestHandle digest, short id, byte[] value, UIntPtr value_length);
        [DllImport(Library)] internal static extern Bytes gossiperl_digest_bytes(DigestHandle digest);
        [DllImport(Library)] internal static extern FieldData* gossiperl_digest_fields(DigestHandle digest, out UIntPtr length);

        [DllImport(Library)] internal static extern int gossiperl_name_to_utf16(byte* name, UIntPtr name_length, char* text, UIntPtr capacity, out UIntPtr text_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_name_from_utf16(char* text, UIntPtr text_length, byte* name, UIntPtr capacity, out UIntPtr name_length, out IntPtr error);

        [DllImport(Library)] internal static extern IntPtr gossiperl_queue_new();
        [DllImport(Library)] internal static extern void gossiperl_queue_close(IntPtr queue);
        [DllImport(Library)] internal static extern void gossiperl_queue_free(IntPtr queue);
        [DllImport(Library)] [return: MarshalAs(UnmanagedType.I1)] internal static extern bool gossiperl_cancel(IntPtr queue, long token);
        [DllImport(Library)] internal static extern int gossiperl_completions_next(IntPtr queue, UIntPtr max, long timeout_ms, out IntPtr completions, out IntPtr error);
        [DllImport(Library)] internal static extern CompletionData* gossiperl_completions_items(IntPtr completions, out UIntPtr length);
        [DllImport(Library)] internal static extern IntPtr gossiperl_completions_take_client(IntPtr completions, UIntPtr index);
        [DllImport(Library)] internal static extern IntPtr gossiperl_completions_take_names(IntPtr completions, UIntPtr index);
        [DllImport(Library)] internal static extern IntPtr gossiperl_completions_take_members(IntPtr completions, UIntPtr index);
        [DllImport(Library)] internal static extern IntPtr gossiperl_completions_take_events(IntPtr completions, UIntPtr index);
        [DllImport(Library)] internal static extern void gossiperl_completions_free(IntPtr completions);

        [DllImport(Library)] internal static extern int gossiperl_connect_async(IntPtr queue, long token, OptionsHandle options, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_subscribe_async(IntPtr queue, long token, ClientHandle client, Bytes* event_types, UIntPtr count, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_unsubscribe_async(IntPtr queue, long token, ClientHandle client, Bytes* event_types, UIntPtr count, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_subscriptions_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_publish_async(IntPtr queue, long token, ClientHandle client, byte[] event_type, UIntPtr event_type_length, byte[] payload, UIntPtr payload_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_send_async(IntPtr queue, long token, ClientHandle client, byte[] event_type, UIntPtr event_type_length, byte[] payload, UIntPtr payload_length, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_flush_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_members_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_watch_members_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_next_events_async(IntPtr queue, long token, ClientHandle client, UIntPtr max, long timeout_ms, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_drain_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
        [DllImport(Library)] internal static extern int gossiperl_close_async(IntPtr queue, long token, ClientHandle client, out IntPtr error);
    }

    /// <summary>Loads the native library from the package's own layout, where it lies beside the assembly; otherwise the runtime finds it.</summary>
    internal static class Loader
    {
        private const int Now = 2;

        private static readonly Lazy<bool> Found = new Lazy<bool>(Find);

        internal static bool Load()
        {
            return Found.Value;
        }

        private static bool Find()
        {
            string folder = Path.GetDirectoryName(typeof(Loader).Assembly.Location);
            if (string.IsNullOrEmpty(folder) || Path.DirectorySeparatorChar != '/')
            {
                return false;
            }
            string machine = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";
            foreach (string root in new[] { folder, Path.Combine(folder, "..", "..") })
            {
                string path = Path.Combine(root, "runtimes", machine, "native", "libgossiperl.so");
                // One that is loaded is found by its name from then on.
                if (File.Exists(path) && dlopen(path, Now) != IntPtr.Zero)
                {
                    return true;
                }
            }
            return false;
        }

        [DllImport("libdl.so.2")]
        private static extern IntPtr dlopen(string path, int flags);
    }
}
