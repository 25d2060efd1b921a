using System;

namespace Gossiperl
{
    /// <summary>What a <see cref="Member"/> is.</summary>
    public enum MemberKind
    {
        /// <summary>Not told: protocol 1 does not distinguish.</summary>
        Unknown = 0,
        /// <summary>A daemon.</summary>
        Daemon = 1,
        /// <summary>A client of a daemon.</summary>
        Client = 2,
    }

    /// <summary>How a <see cref="Member"/> is.</summary>
    public enum MemberState
    {
        /// <summary>Not known to this version.</summary>
        Unknown = 0,
        /// <summary>Heard of lately.</summary>
        Reachable = 1,
        /// <summary>Silent; it may still come back.</summary>
        Quarantine = 2,
        /// <summary>Silent for so long that it counts as gone, though not forgotten.</summary>
        Unreachable = 3,
        /// <summary>It said goodbye.</summary>
        Left = 4,
    }

    /// <summary>What happened to a <see cref="Member"/>.</summary>
    public enum MemberChange
    {
        /// <summary>Not known to this version.</summary>
        Unknown = 0,
        /// <summary>First heard of.</summary>
        In = 1,
        /// <summary>Silent for a while.</summary>
        Quarantine = 2,
        /// <summary>Silent for longer.</summary>
        Unreachable = 3,
        /// <summary>Given up.</summary>
        Drop = 4,
        /// <summary>Gone: left, or forgotten after <see cref="Drop"/>.</summary>
        Out = 5,
        /// <summary>Heard of again after quarantine or unreachable.</summary>
        Rejoin = 6,
    }

    /// <summary>A member of the overlay: a daemon, or a client of one.</summary>
    public sealed class Member
    {
        internal unsafe Member(Native.MemberData* data)
        {
            Name = NameText.Of(data->name);
            Address = Utf8.Text(data->address);
            Rack = NameText.Of(data->rack);
            Kind = (MemberKind)data->kind;
            State = (MemberState)data->state;
            Heartbeat = DateTimeOffset.FromUnixTimeSeconds(Math.Max(0, Math.Min(data->heartbeat, Latest)));
        }

        /// <summary>Its name, unique in the overlay.</summary>
        public string Name { get; private set; }

        /// <summary>What it is.</summary>
        public MemberKind Kind { get; private set; }

        /// <summary>How it is.</summary>
        public MemberState State { get; private set; }

        /// <summary>Where its datagrams come from, such as "192.0.2.7:6666"; null in events of protocol 1.</summary>
        public string Address { get; private set; }

        /// <summary>The rack it stands in; null in protocol 1.</summary>
        public string Rack { get; private set; }

        /// <summary>When it was last heard of, to the second.</summary>
        public DateTimeOffset Heartbeat { get; private set; }

        internal static unsafe Member[] All(IntPtr list)
        {
            UIntPtr length;
            Native.MemberData* items = Native.gossiperl_members_items(list, out length);
            var members = new Member[checked((int)length)];
            for (int index = 0; index < members.Length; index++)
            {
                members[index] = new Member(items + index);
            }
            return members;
        }

        /// <summary>The end of the year 9999, beyond which the framework has no dates.</summary>
        private const long Latest = 253402300799;
    }
}
