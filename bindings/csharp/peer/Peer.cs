using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Threading;
using Gossiperl;

/// <summary>The program of bindings/interop/README.md.</summary>
internal static class Peer
{
    private const string Usage = "give publish, receive, bench-publish or bench-receive, PORT, NAME and what belongs to it";

    private static int Main(string[] arguments)
    {
        try
        {
            if (arguments.Length < 3)
            {
                throw new ArgumentException(Usage);
            }
            string key = Environment.GetEnvironmentVariable("GOSSIPERL_KEY");
            using (Client client = Client.Connect(new ClientOptions(int.Parse(arguments[1]), arguments[2], key)))
            {
                Run(client, arguments);
            }
            return 0;
        }
        catch (Exception exception)
        {
            Console.Error.WriteLine("peer: " + exception.Message);
            return 1;
        }
    }

    private static void Run(Client client, string[] arguments)
    {
        switch (arguments[0])
        {
            case "publish": Publish(client); break;
            case "receive": Receive(client); break;
            case "bench-publish": BenchPublish(client, int.Parse(arguments[3]), int.Parse(arguments[4])); break;
            case "bench-receive": BenchReceive(client, int.Parse(arguments[3])); break;
            default: throw new ArgumentException(Usage);
        }
    }

    private static void Publish(Client client)
    {
        int count = 0;
        string line;
        while ((line = Console.In.ReadLine()) != null)
        {
            string[] words = line.Split(' ');
            byte[] payload = words[0] == "digest" ? Digest(words[2]).ToBytes() : Bytes(words[2]);
            client.Publish(Name(words[1]), payload);
            count++;
        }
        Say("done " + count);
    }

    private static void Receive(Client client)
    {
        client.Subscribe(Console.In.ReadLine().Split(',').Select(Name).ToArray());
        Say("ready");
        var printer = new Thread(() =>
        {
            IReadOnlyList<Event> events;
            while ((events = client.NextEvents(1024)) != null)
            {
                foreach (Delivery delivery in events.OfType<Delivery>())
                {
                    Say(Told(delivery));
                }
            }
        });
        printer.Start();
        while (Console.In.ReadLine() != null)
        {
        }
        client.Close();
        printer.Join();
    }

    private static void BenchPublish(Client client, int count, int size)
    {
        byte[] payload = Enumerable.Repeat((byte)'x', size).ToArray();
        Stopwatch watch = Stopwatch.StartNew();
        for (int message = 0; message < count; message++)
        {
            client.Send("bench", payload);
        }
        client.Flush();
        Measured(count, watch);
    }

    private static void BenchReceive(Client client, int count)
    {
        client.Subscribe("bench");
        Say("ready");
        Stopwatch watch = null;
        int taken = 0;
        while (taken < count)
        {
            foreach (Event happened in client.NextEvents(1024))
            {
                if (happened.Kind == EventKind.Delivery && taken++ == 0)
                {
                    watch = Stopwatch.StartNew();
                }
            }
        }
        Measured(count, watch);
    }

    private static void Measured(int count, Stopwatch watch)
    {
        string seconds = watch.Elapsed.TotalSeconds.ToString("F6", CultureInfo.InvariantCulture);
        Say("{\"messages\": " + count + ", \"seconds\": " + seconds + "}");
    }

    private static Digest Digest(string fields)
    {
        var digest = new Digest();
        foreach (string[] field in fields == "-" ? new string[0][] : fields.Split(',').Select(field => field.Split(':')).ToArray())
        {
            short id = short.Parse(field[0], CultureInfo.InvariantCulture);
            switch (field[1])
            {
                case "bool": digest.Add(id, field[2] == "true"); break;
                case "byte": digest.Add(id, sbyte.Parse(field[2], CultureInfo.InvariantCulture)); break;
                case "i16": digest.Add(id, short.Parse(field[2], CultureInfo.InvariantCulture)); break;
                case "i32": digest.Add(id, int.Parse(field[2], CultureInfo.InvariantCulture)); break;
                case "i64": digest.Add(id, long.Parse(field[2], CultureInfo.InvariantCulture)); break;
                case "double": digest.Add(id, BitConverter.Int64BitsToDouble(unchecked((long)Convert.ToUInt64(field[2], 16)))); break;
                case "string": digest.Add(id, Bytes(field[2])); break;
                default: throw new ArgumentException("an unknown kind of field: " + field[1]);
            }
        }
        return digest;
    }

    private static string Told(Delivery delivery)
    {
        string type = Hexadecimal(TypeBytes(delivery.EventType));
        if (!delivery.EventType.StartsWith("digest.", StringComparison.Ordinal))
        {
            return "bytes " + type + " " + Hexadecimal(delivery.Payload);
        }
        string fields = string.Join(",", delivery.Digest().Select(field => field.Id + ":" + Written(field)));
        return "digest " + type + " " + (fields == "" ? "-" : fields);
    }

    private static string Written(Field field)
    {
        string kind = field.Kind.ToString().ToLowerInvariant() + ":";
        switch (field.Kind)
        {
            case FieldKind.Bool: return kind + ((bool)field.Value ? "true" : "false");
            case FieldKind.Double: return kind + BitConverter.DoubleToInt64Bits((double)field.Value).ToString("x16");
            case FieldKind.String: return kind + Hexadecimal((byte[])field.Value);
            default: return kind + Convert.ToString(field.Value, CultureInfo.InvariantCulture);
        }
    }

    /// <summary>A name of these bytes, of which those that are no UTF-8 are lone surrogates.</summary>
    private static string Name(string hexadecimal)
    {
        return new Digest { { 1, Bytes(hexadecimal) } }.GetString(1);
    }

    private static byte[] TypeBytes(string name)
    {
        return new Digest { { 1, name } }.GetBytes(1);
    }

    private static byte[] Bytes(string hexadecimal)
    {
        if (hexadecimal == "-")
        {
            return new byte[0];
        }
        var bytes = new byte[hexadecimal.Length / 2];
        for (int index = 0; index < bytes.Length; index++)
        {
            bytes[index] = (byte)(Digit(hexadecimal[2 * index]) << 4 | Digit(hexadecimal[2 * index + 1]));
        }
        return bytes;
    }

    private static int Digit(char character)
    {
        return character <= '9' ? character - '0' : character - 'a' + 10;
    }

    private static string Hexadecimal(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return "-";
        }
        var text = new StringBuilder(2 * bytes.Length);
        foreach (byte one in bytes)
        {
            text.Append("0123456789abcdef"[one >> 4]).Append("0123456789abcdef"[one & 15]);
        }
        return text.ToString();
    }

    private static void Say(string line)
    {
        Console.Out.Write(line + "\n");
        Console.Out.Flush();
    }
}
