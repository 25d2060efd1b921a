using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Gossiperl
{
    /// <summary>Plain text and bytes that the library gives.</summary>
    internal static unsafe class Utf8
    {
        /// <summary>The text; null where there is none.</summary>
        internal static string Text(Native.Bytes bytes)
        {
            return bytes.data == null ? null : Encoding.UTF8.GetString(Copy(bytes));
        }

        internal static byte[] Copy(Native.Bytes bytes)
        {
            int length = checked((int)bytes.length);
            if (length == 0)
            {
                return Nothing;
            }
            var copy = new byte[length];
            Marshal.Copy((IntPtr)bytes.data, copy, 0, length);
            return copy;
        }

        internal static UIntPtr Length(Array items)
        {
            return (UIntPtr)(items == null ? 0 : items.Length);
        }

        private static readonly byte[] Nothing = new byte[0];
    }

    /// <summary>Names as strings, lossless: a byte that is not part of UTF-8 is the lone surrogate U+DC00 plus the byte.</summary>
    internal static unsafe class NameText
    {
        /// <summary>The string; null where there is no name.</summary>
        internal static string Of(Native.Bytes name)
        {
            if (name.data == null)
            {
                return null;
            }
            int length = checked((int)name.length);
            for (int index = 0; index < length; index++)
            {
                if (name.data[index] >= 0x80)
                {
                    Native.Load();
                    return Converted(name, length);
                }
            }
            return length == 0 ? "" : new string((sbyte*)name.data, 0, length, Encoding.ASCII);
        }

        /// <summary>The strings of <paramref name="count"/> names.</summary>
        internal static string[] All(Native.Bytes* names, UIntPtr count)
        {
            var all = new string[checked((int)count)];
            for (int index = 0; index < all.Length; index++)
            {
                all[index] = Of(names[index]);
            }
            return all;
        }

        /// <summary>The bytes of a string.</summary>
        internal static byte[] Bytes(string text)
        {
            if (text == null)
            {
                throw new ArgumentNullException(nameof(text));
            }
            foreach (char unit in text)
            {
                if (char.IsSurrogate(unit))
                {
                    Native.Load();
                    return Converted(text);
                }
            }
            return Encoding.UTF8.GetBytes(text);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static string Converted(Native.Bytes name, int length)
        {
            var text = new char[length];
            fixed (char* place = text)
            {
                UIntPtr written;
                IntPtr error;
                int result = Native.gossiperl_name_to_utf16(name.data, name.length, place, (UIntPtr)length, out written, out error);
                GossiperlException.Check(result, error);
                return new string(text, 0, (int)written);
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static byte[] Converted(string text)
        {
            var name = new byte[checked(text.Length * 3)];
            fixed (char* units = text)
            fixed (byte* place = name)
            {
                UIntPtr written;
                IntPtr error;
                int result = Native.gossiperl_name_from_utf16(units, (UIntPtr)text.Length, place, (UIntPtr)name.Length, out written, out error);
                GossiperlException.Check(result, error);
                Array.Resize(ref name, (int)written);
                return name;
            }
        }
    }

    /// <summary>Names on their way into the library; their memory is fixed until disposed of.</summary>
    internal sealed unsafe class NameArguments : IDisposable
    {
        private readonly GCHandle[] pins;
        private readonly Native.Bytes[] items;
        private GCHandle array;

        internal NameArguments(string[] names)
        {
            if (names == null)
            {
                throw new ArgumentNullException(nameof(names));
            }
            pins = new GCHandle[names.Length];
            items = new Native.Bytes[names.Length];
            try
            {
                for (int index = 0; index < names.Length; index++)
                {
                    byte[] name = NameText.Bytes(names[index]);
                    pins[index] = GCHandle.Alloc(name, GCHandleType.Pinned);
                    items[index].data = (byte*)pins[index].AddrOfPinnedObject();
                    items[index].length = (UIntPtr)name.Length;
                }
                array = GCHandle.Alloc(items, GCHandleType.Pinned);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        internal Native.Bytes* First
        {
            get { return (Native.Bytes*)array.AddrOfPinnedObject(); }
        }

        internal UIntPtr Count
        {
            get { return (UIntPtr)items.Length; }
        }

        public void Dispose()
        {
            if (array.IsAllocated)
            {
                array.Free();
            }
            for (int index = 0; index < pins.Length; index++)
            {
                if (pins[index].IsAllocated)
                {
                    pins[index].Free();
                }
            }
        }
    }
}
