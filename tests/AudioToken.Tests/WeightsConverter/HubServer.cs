using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>A server on this machine that plays the hub: a few files of one repository, large ones behind a redirect, and mishaps on demand.</summary>
public sealed class HubServer : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _serving;

    public HubServer()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>Files that lie elsewhere, as large ones do.</summary>
    public HashSet<string> Large { get; } = [];

    /// <summary>Requests as they came: method, path, range.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>Whether the last request to the hub itself, and to where large files lie, brought a token.</summary>
    public (bool Hub, bool Store) TokenSeen { get; private set; }

    /// <summary>Closes the connection after this many bytes of a file, once.</summary>
    public int? CutAfter { get; set; }

    /// <summary>Answers everything with this status.</summary>
    public int? Refuse { get; set; }

    /// <summary>Sends other bytes than promised.</summary>
    public bool Falsify { get; set; }

    /// <summary>Sends nothing at all after the headers.</summary>
    public bool FallSilent { get; set; }

    /// <summary>What the list of files says; null for the files there are.</summary>
    public string? Listing { get; set; }

#pragma warning disable CA5350 // git's hash, which the hub gives small files
    public static string GitHash(byte[] content) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350

    public string HashOf(string path) => Large.Contains(path) ? Convert.ToHexStringLower(SHA256.HashData(Files[path])) : GitHash(Files[path]);

    public void Dispose()
    {
        _end.Cancel();
        _listener.Stop();
        _serving.GetAwaiter().GetResult();
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(_end.Token);
                await AnswerAsync(client.GetStream());
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
            {
                // The next caller is served.
            }
        }
    }

    // One request a connection keeps it simple.
    private async Task AnswerAsync(NetworkStream stream)
    {
        using StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true);
        string[] first = (await reader.ReadLineAsync(_end.Token) ?? "").Split(' ');
        if (first.Length < 2)
            return;
        (string method, string path) = (first[0], Uri.UnescapeDataString(first[1]));
        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        for (string? line; (line = await reader.ReadLineAsync(_end.Token)) is { Length: > 0 };)
            headers[line[..line.IndexOf(':')]] = line[(line.IndexOf(':') + 1)..].Trim();
        lock (Requests)
            Requests.Add($"{method} {path}{(headers.TryGetValue("Range", out string? asked) ? " " + asked : "")}");
        bool store = path.StartsWith("/store/", StringComparison.Ordinal), token = headers.TryGetValue("Authorization", out string? bearer) && bearer == "Bearer secret";
        TokenSeen = store ? (TokenSeen.Hub, token) : (token, TokenSeen.Store);

        if (Refuse is { } status)
        {
            await HeadAsync(stream, status, "Content-Length: 0");
            return;
        }

        const string api = "/api/models/org/name/revision/", resolve = $"/org/name/resolve/{Commit}/";
        if (path.StartsWith(api, StringComparison.Ordinal))
        {
            byte[] body = Encoding.UTF8.GetBytes(Listing ?? $$"""{"sha":"{{Commit}}","siblings":[{{string.Join(",", Files.Keys.Select(file => $$"""{"rfilename":"{{file}}"}"""))}}]}""");
            await HeadAsync(stream, 200, $"Content-Length: {body.Length}");
            await stream.WriteAsync(body, _end.Token);
            return;
        }

        string name = store ? path["/store/".Length..] : path.StartsWith(resolve, StringComparison.Ordinal) ? path[resolve.Length..] : "";
        if (!Files.TryGetValue(name, out byte[]? content))
        {
            await HeadAsync(stream, 404, "Content-Length: 0");
        }
        else if (Large.Contains(name) && !store)
        {
            // By the address, not the name: another host, to which no token may go.
            string elsewhere = Endpoint.Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
            await HeadAsync(stream, 302, $"Location: {elsewhere}/store/{name}", $"X-Linked-Etag: \"{HashOf(name)}\"", $"X-Linked-Size: {content.Length}", "Content-Length: 0");
        }
        else
        {
            await SendAsync(stream, method, name, content, headers.GetValueOrDefault("Range"));
        }
    }

    private async Task SendAsync(NetworkStream stream, string method, string name, byte[] content, string? range)
    {
        int from = range is null ? 0 : int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
        await HeadAsync(stream, from > 0 ? 206 : 200, $"Content-Length: {content.Length - from}", $"ETag: \"{HashOf(name)}\"");
        if (method == "HEAD")
            return;
        if (FallSilent)
        {
            await Task.Delay(Timeout.Infinite, _end.Token);
            return;
        }

        byte[] sent = Falsify ? [.. content.Select(value => (byte)(value + 1))] : content;
        int to = CutAfter is { } cut ? Math.Min(from + cut, content.Length) : content.Length;
        CutAfter = null;
        await stream.WriteAsync(sent.AsMemory(from, to - from), _end.Token);
    }

    private async Task HeadAsync(NetworkStream stream, int status, params string[] headers) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} X\r\nConnection: close\r\n{string.Concat(headers.Select(header => header + "\r\n"))}\r\n"), _end.Token);
}
