using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Gossiperl.Tests
{
    /// <summary>A gossiperld of its own folder, on a free port.</summary>
    internal sealed class Daemon : IDisposable
    {
        internal const string Key = "a key for trying C# only";

        private static Daemon shared;

        private readonly string folder;
        private Process process;

        internal Daemon()
        {
            folder = Path.Combine(Path.GetTempPath(), "gossiperl-csharp-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(folder);
            using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
            {
                free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                Port = ((IPEndPoint)free.LocalEndPoint).Port;
            }
            File.WriteAllText(
                Path.Combine(folder, "gossiperl.toml"),
                "data_dir = \"" + folder + "/data\"\nrest = false\n[overlays.csharp]\nip = \"127.0.0.1\"\nport = " + Port
                    + "\nmember_name = \"daemon\"\nsymmetric_key = \"" + Key + "\"\nracks = { default = [] }\n");
            Start();
        }

        /// <summary>One for all tests that leave it as it is.</summary>
        internal static Daemon Shared
        {
            get { return shared ?? (shared = new Daemon()); }
        }

        internal static void StopShared()
        {
            if (shared != null)
            {
                shared.Dispose();
            }
        }

        internal int Port { get; private set; }

        internal void Start()
        {
            var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("GOSSIPERLD"), "--config " + folder + "/gossiperl.toml");
            start.UseShellExecute = false;
            start.RedirectStandardError = true;
            var started = new ManualResetEventSlim();
            process = new Process { StartInfo = start };
            process.ErrorDataReceived += (sender, line) =>
            {
                if (line.Data != null && line.Data.Contains("started"))
                {
                    started.Set();
                }
            };
            process.Start();
            process.BeginErrorReadLine();
            Check.That(started.Wait(TimeSpan.FromMinutes(1)), "gossiperld did not start");
        }

        internal void Kill()
        {
            process.Kill();
            process.WaitForExit();
        }

        internal ClientOptions Options(string name)
        {
            return new ClientOptions(Port, name, Key);
        }

        internal Client Connect(string name)
        {
            return Client.Connect(Options(name));
        }

        public void Dispose()
        {
            Kill();
            Directory.Delete(folder, true);
        }
    }
}
