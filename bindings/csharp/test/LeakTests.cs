using System;
using System.Diagnostics;
using System.IO;

namespace Gossiperl.Tests
{
    /// <summary>What is left of clients that came and went.</summary>
    internal static class LeakTests
    {
        private const int Cycles = 2000;

        /// <summary>Bytes that memory may differ by, for reasons of its own.</summary>
        private const long Play = 24 << 20;

        [Test]
        private static void ThousandsOfClientsComeAndGoAndLeaveNothing()
        {
            Cycle(0, Cycles / 4);
            Settle();
            int threads = Count("/proc/self/task");
            int files = Count("/proc/self/fd");
            long memory = Resident();
            Cycle(Cycles / 4, Cycles);
            Check.Soon("threads end", () => Count("/proc/self/task") <= threads + 4);
            Check.Soon("sockets are closed", () => Count("/proc/self/fd") <= files + 4);
            Settle();
            long grown = Resident() - memory;
            Console.WriteLine(Cycles + " clients: " + (grown >> 10) + " KiB more at the end than after " + (Cycles / 4));
            Check.That(grown < Play, "memory grew by " + grown + " bytes");
        }

        private static void Cycle(int from, int to)
        {
            for (int number = from; number < to; number++)
            {
                Client client = number % 2 == 0 ? Daemon.Shared.Connect("cycle " + number) : Client.ConnectAsync(Daemon.Shared.Options("cycle " + number)).Result;
                if (number % 4 == 0)
                {
                    client.Connected += (sender, happened) => { };
                    client.Listen();
                }
                client.Subscribe("cycle");
                client.NextEventsAsync(4);
                client.Dispose();
            }
        }

        private static void Settle()
        {
            for (int round = 0; round < 3; round++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        private static int Count(string folder)
        {
            return Directory.GetFileSystemEntries(folder).Length;
        }

        /// <summary>Bytes of memory that the process holds.</summary>
        private static long Resident()
        {
            foreach (string line in File.ReadAllLines("/proc/self/status"))
            {
                if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                {
                    return long.Parse(line.Split(new[] { ' ', '\t' }, StringSplitOptions.RemoveEmptyEntries)[1]) << 10;
                }
            }
            throw new Exception("no VmRSS");
        }
    }

    /// <summary>A process that ends with a client open, a handler and a task under way.</summary>
    internal static class Exiting
    {
        internal const string Argument = "--exit-with-a-client-open";

        internal static int Child()
        {
            var options = new ClientOptions(int.Parse(Environment.GetEnvironmentVariable("GOSSIPERL_PORT")), "exiting", Daemon.Key);
            Client client = Client.Connect(options);
            client.Delivered += (sender, happened) => { };
            client.Subscribe("exiting");
            client.Listen();
            client.NextEventsAsync(4);
            client.FlushAsync().Wait();
            Console.WriteLine("open");
            return 7;
        }

        [Test]
        private static void AProcessEndsWithAClientOpen()
        {
            string[] command = Environment.GetEnvironmentVariable("GOSSIPERL_RUN").Split(new[] { ' ' }, 2);
            var start = new ProcessStartInfo(command[0], command[1] + " " + Argument);
            start.UseShellExecute = false;
            start.RedirectStandardOutput = true;
            start.RedirectStandardError = true;
            start.EnvironmentVariables["GOSSIPERL_PORT"] = Daemon.Shared.Port.ToString();
            using (Process child = Process.Start(start))
            {
                string said = child.StandardOutput.ReadToEnd();
                string errors = child.StandardError.ReadToEnd();
                Check.That(child.WaitForExit(60000), "it does not end");
                Check.Equal("open\n", said);
                Check.Equal("", errors);
                Check.Equal(7, child.ExitCode);
            }
        }
    }
}
