using System;
using System.Text;
using System.Threading.Tasks;
using Gossiperl;

/// <summary>
/// A chat: publishes each line of standard input, prints the others' lines and who comes and goes.
/// <c>GOSSIPERL_KEY=KEY chat PORT NAME</c>
/// </summary>
internal static class Chat
{
    private const string EventType = "chat";

    private static int Main(string[] arguments)
    {
        string key = Environment.GetEnvironmentVariable("GOSSIPERL_KEY");
        int port;
        if (arguments.Length != 2 || key == null || !int.TryParse(arguments[0], out port))
        {
            Console.Error.WriteLine("usage: GOSSIPERL_KEY=KEY chat PORT NAME");
            return 2;
        }
        try
        {
            Talk(new ClientOptions(port, arguments[1], key)).GetAwaiter().GetResult();
            return 0;
        }
        catch (GossiperlException error)
        {
            Console.Error.WriteLine("chat: " + error.Message);
            return 1;
        }
    }

    private static async Task Talk(ClientOptions options)
    {
        using (Client client = await Client.ConnectAsync(options))
        {
            await client.SubscribeAsync(EventType);
            foreach (Member member in await client.WatchMembersAsync())
            {
                Console.WriteLine("* " + member.Name + " is here");
            }
            Task listening = Listen(client);
            string line;
            while ((line = await Console.In.ReadLineAsync()) != null)
            {
                await client.PublishAsync(EventType, new Digest { { 1, client.Name }, { 2, line } });
            }
            await client.CloseAsync();
            await listening;
        }
    }

    private static async Task Listen(Client client)
    {
        using (EventReader reader = client.Events.GetAsyncEnumerator())
        {
            while (await reader.MoveNextAsync())
            {
                if (reader.Current is Delivery delivery)
                {
                    Digest said = delivery.Digest();
                    Console.WriteLine("<" + said.GetString(1) + "> " + said.GetString(2));
                }
                else if (reader.Current is MemberEvent changed)
                {
                    bool comes = changed.Change == MemberChange.In || changed.Change == MemberChange.Rejoin;
                    Console.WriteLine("* " + changed.Member.Name + (comes ? " is here" : " is away"));
                }
                else if (reader.Current is DisconnectedEvent disconnected)
                {
                    Console.WriteLine("* no daemon: " + disconnected.Reason);
                }
            }
        }
    }
}
