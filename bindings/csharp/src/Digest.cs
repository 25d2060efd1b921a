using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.CompilerServices;

namespace Gossiperl
{
    /// <summary>The type of a <see cref="Field"/>.</summary>
    public enum FieldKind
    {
        /// <summary>A boolean.</summary>
        Bool = 1,
        /// <summary>8 bits, signed.</summary>
        Byte = 2,
        /// <summary>16 bits, signed.</summary>
        I16 = 3,
        /// <summary>32 bits, signed.</summary>
        I32 = 4,
        /// <summary>64 bits, signed.</summary>
        I64 = 5,
        /// <summary>An IEEE 754 double; the bits of a NaN are kept.</summary>
        Double = 6,
        /// <summary>Any bytes; UTF-8 mostly.</summary>
        String = 7,
    }

    /// <summary>One typed field of a <see cref="Digest"/>.</summary>
    public struct Field
    {
        private readonly object value;

        internal Field(short id, FieldKind kind, object value)
        {
            Id = id;
            Kind = kind;
            this.value = value;
        }

        /// <summary>The application's id.</summary>
        public short Id { get; }

        /// <summary>What it was sent as.</summary>
        public FieldKind Kind { get; }

        /// <summary>A bool, sbyte, short, int, long, double or byte[], after <see cref="Kind"/>.</summary>
        public object Value
        {
            get { return value; }
        }
    }

    /// <summary>A message of typed fields, whose ids the application picks. One thread at a time.</summary>
    /// <example><code>
    /// var digest = new Digest { { 1, "door 7" }, { 2, true }, { 3, 21.5 } };
    /// await client.PublishAsync("doors", digest);
    /// </code></example>
    public sealed class Digest : IEnumerable<Field>
    {
        private readonly SortedDictionary<short, Field> fields = new SortedDictionary<short, Field>();

        /// <summary>How many fields there are.</summary>
        public int Count
        {
            get { return fields.Count; }
        }

        /// <summary>Sets a boolean.</summary>
        public void Add(short id, bool value)
        {
            Set(id, FieldKind.Bool, value);
        }

        /// <summary>Sets 8 bits.</summary>
        public void Add(short id, sbyte value)
        {
            Set(id, FieldKind.Byte, value);
        }

        /// <summary>Sets 16 bits.</summary>
        public void Add(short id, short value)
        {
            Set(id, FieldKind.I16, value);
        }

        /// <summary>Sets 32 bits.</summary>
        public void Add(short id, int value)
        {
            Set(id, FieldKind.I32, value);
        }

        /// <summary>Sets 64 bits.</summary>
        public void Add(short id, long value)
        {
            Set(id, FieldKind.I64, value);
        }

        /// <summary>Sets a double.</summary>
        public void Add(short id, double value)
        {
            Set(id, FieldKind.Double, value);
        }

        /// <summary>Sets a string.</summary>
        public void Add(short id, string value)
        {
            Set(id, FieldKind.String, NameText.Bytes(value));
        }

        /// <summary>Sets a string of any bytes. They are not copied.</summary>
        public void Add(short id, byte[] value)
        {
            if (value == null)
            {
                throw new ArgumentNullException(nameof(value));
            }
            Set(id, FieldKind.String, value);
        }

        /// <summary>Whether there is a field of this id, and which.</summary>
        public bool TryGet(short id, out Field field)
        {
            return fields.TryGetValue(id, out field);
        }

        /// <summary>The boolean of this id.</summary>
        /// <exception cref="KeyNotFoundException">There is no field of this id.</exception>
        /// <exception cref="InvalidCastException">The field is of another type; so with all that follow.</exception>
        public bool GetBool(short id)
        {
            return (bool)Get(id, FieldKind.Bool);
        }

        /// <summary>The 8 bits of this id.</summary>
        public sbyte GetByte(short id)
        {
            return (sbyte)Get(id, FieldKind.Byte);
        }

        /// <summary>The 16 bits of this id.</summary>
        public short GetI16(short id)
        {
            return (short)Get(id, FieldKind.I16);
        }

        /// <summary>The 32 bits of this id.</summary>
        public int GetI32(short id)
        {
            return (int)Get(id, FieldKind.I32);
        }

        /// <summary>The 64 bits of this id.</summary>
        public long GetI64(short id)
        {
            return (long)Get(id, FieldKind.I64);
        }

        /// <summary>The double of this id.</summary>
        public double GetDouble(short id)
        {
            return (double)Get(id, FieldKind.Double);
        }

        /// <summary>The string of this id; bytes that are not part of UTF-8 are lone surrogates, as in names.</summary>
        public unsafe string GetString(short id)
        {
            byte[] bytes = GetBytes(id);
            fixed (byte* data = bytes)
            {
                return bytes.Length == 0 ? "" : NameText.Of(new Native.Bytes { data = data, length = (UIntPtr)bytes.Length });
            }
        }

        /// <summary>The bytes of the string of this id.</summary>
        public byte[] GetBytes(short id)
        {
            return (byte[])Get(id, FieldKind.String);
        }

        /// <summary>The fields by rising id.</summary>
        public IEnumerator<Field> GetEnumerator()
        {
            return fields.Values.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        /// <summary>Reads a payload as a digest. Fields of other types than the seven are left out.</summary>
        /// <exception cref="GossiperlArgumentException">It is none.</exception>
        public static Digest Read(byte[] payload)
        {
            Native.Load();
            return Parsed(payload);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static unsafe Digest Parsed(byte[] payload)
        {
            DigestHandle handle;
            IntPtr error;
            int result = Native.gossiperl_digest_read(payload, Utf8.Length(payload), out handle, out error);
            using (handle)
            {
                GossiperlException.Check(result, error);
                var digest = new Digest();
                UIntPtr length;
                Native.FieldData* items = Native.gossiperl_digest_fields(handle, out length);
                for (int index = 0; index < (int)length; index++)
                {
                    digest.Set(items[index].id, (FieldKind)items[index].kind, ValueOf(items + index));
                }
                return digest;
            }
        }

        /// <summary>The digest as a payload to publish.</summary>
        public byte[] ToBytes()
        {
            Native.Load();
            return Written();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private byte[] Written()
        {
            using (DigestHandle handle = Native.gossiperl_digest_new())
            {
                foreach (Field field in fields.Values)
                {
                    GossiperlException.Check(Write(handle, field), IntPtr.Zero);
                }
                return Utf8.Copy(Native.gossiperl_digest_bytes(handle));
            }
        }

        private static int Write(DigestHandle digest, Field field)
        {
            switch (field.Kind)
            {
                case FieldKind.Bool: return Native.gossiperl_digest_set_bool(digest, field.Id, (bool)field.Value);
                case FieldKind.Byte: return Native.gossiperl_digest_set_byte(digest, field.Id, (sbyte)field.Value);
                case FieldKind.I16: return Native.gossiperl_digest_set_i16(digest, field.Id, (short)field.Value);
                case FieldKind.I32: return Native.gossiperl_digest_set_i32(digest, field.Id, (int)field.Value);
                case FieldKind.I64: return Native.gossiperl_digest_set_i64(digest, field.Id, (long)field.Value);
                case FieldKind.Double: return Native.gossiperl_digest_set_double(digest, field.Id, (double)field.Value);
                default:
                    var bytes = (byte[])field.Value;
                    return Native.gossiperl_digest_set_string(digest, field.Id, bytes, Utf8.Length(bytes));
            }
        }

        private static unsafe object ValueOf(Native.FieldData* field)
        {
            switch ((FieldKind)field->kind)
            {
                case FieldKind.Bool: return field->integer != 0;
                case FieldKind.Byte: return (sbyte)field->integer;
                case FieldKind.I16: return (short)field->integer;
                case FieldKind.I32: return (int)field->integer;
                case FieldKind.I64: return field->integer;
                case FieldKind.Double: return field->number;
                default: return Utf8.Copy(field->@string);
            }
        }

        private void Set(short id, FieldKind kind, object value)
        {
            fields[id] = new Field(id, kind, value);
        }

        private object Get(short id, FieldKind kind)
        {
            Field field;
            if (!fields.TryGetValue(id, out field))
            {
                throw new KeyNotFoundException("the digest has no field " + id);
            }
            if (field.Kind != kind)
            {
                throw new InvalidCastException(
                    "field " + id + " of the digest is of type " + field.Kind + ", not " + kind + ": read it as what its publisher sends");
            }
            return field.Value;
        }
    }
}
