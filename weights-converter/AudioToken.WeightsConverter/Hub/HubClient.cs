using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.WeightsConverter.Layouts;

namespace AudioToken.WeightsConverter.Hub;

/// <summary>Asks the HuggingFace hub what a repository holds, and fetches its files. The one place of the program that opens a socket.</summary>
public sealed class HubClient : IDisposable
{
    /// <summary>The hub that is meant where <c>HF_ENDPOINT</c> names no other.</summary>
    public const string DefaultEndpoint = "https://huggingface.co";

    private const int MaxListBytes = 16 << 20, MaxFiles = 10_000;

    /// <summary>How long the hub may be silent.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http;
    private readonly Uri _endpoint;
    private readonly string? _token;

    /// <summary>A client of one hub.</summary>
    /// <param name="endpoint">Its address.</param>
    /// <param name="token">An access token for what is not public, or null. It is sent to the hub alone, never to where the hub sends on.</param>
    /// <exception cref="AudioTokenException">The address is none (2601).</exception>
    public HubClient(string endpoint, string? token)
    {
        if (!Uri.TryCreate(endpoint.TrimEnd('/') + '/', UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https"))
            throw new AudioTokenException(ErrorCode.Id, $"HF_ENDPOINT is '{endpoint}', wanted an address that begins with https://", $"HF_ENDPOINT={DefaultEndpoint}");
        (_endpoint, _token) = (uri, token);
        // Redirects are followed by hand, so that the token does not travel along.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(20) }) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("AudioToken.Native", "0.1.0"));
    }

    /// <summary>Reads address and token from the environment: <c>HF_ENDPOINT</c>, <c>HF_TOKEN</c>.</summary>
    /// <param name="variable">Gives an environment variable's value, or null.</param>
    public static HubClient FromEnvironment(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        return new HubClient(variable("HF_ENDPOINT") is { Length: > 0 } endpoint ? endpoint : DefaultEndpoint, variable("HF_TOKEN") is { Length: > 0 } token ? token : null);
    }

    /// <summary>The commit of a revision, and the paths of its files.</summary>
    /// <exception cref="AudioTokenException">The hub does not have it (8701), cannot be reached (8702), or answers nonsense (4721).</exception>
    public async Task<(string Commit, IReadOnlyList<string> Paths)> ListAsync(HubId id, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(id);
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, $"api/models/{id.Repository}/revision/{Uri.EscapeDataString(id.Revision)}", id, 0, cancellation).ConfigureAwait(false);
        byte[] body = await ReadSmallAsync(response, id, cancellation).ConfigureAwait(false);
        try
        {
            using JsonDocument json = JsonDocument.Parse(body);
            string commit = json.RootElement.GetProperty("sha").GetString() ?? "";
            List<string> paths = [];
            foreach (JsonElement sibling in json.RootElement.GetProperty("siblings").EnumerateArray())
            {
                string path = sibling.GetProperty("rfilename").GetString() ?? "";
                if (!IsPlainPath(path) || paths.Count >= MaxFiles)
                    throw new AudioTokenException(ErrorCode.Content, $"{id}: the hub lists a file '{PrintableName.Of(path)}', wanted plain paths inside the repository, at most {MaxFiles} of them", "do not use this repository");
                paths.Add(path);
            }

            return commit.Length is > 0 and <= 64 && commit.All(char.IsAsciiHexDigit) ? (commit, paths) : throw new JsonException("'sha' is no commit");
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new AudioTokenException(ErrorCode.Content, $"{id}: the hub's list of files is malformed: {exception.Message.TrimEnd('.')}", "is HF_ENDPOINT a HuggingFace hub?", exception);
        }
    }

    /// <summary>What the hub says of one file, without its content.</summary>
    public async Task<HubFile> DescribeAsync(HubId id, string commit, string path, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Head, FileAddress(id, commit, path), id, 0, cancellation).ConfigureAwait(false);
        string? Header(string name) => response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;
        string etag = (Header("X-Linked-Etag") ?? response.Headers.ETag?.Tag ?? "").Replace("W/", "", StringComparison.Ordinal).Trim('"');
        if (etag.Length is 0 or > 64 || !etag.All(char.IsAsciiHexDigit))
            throw new AudioTokenException(ErrorCode.Content, $"{id}: the hub names the content of {path} '{PrintableName.Of(etag)}', wanted a hash in hexadecimal", "is HF_ENDPOINT a HuggingFace hub?");
        long length = long.TryParse(Header("X-Linked-Size"), out long linked) ? linked : IsRedirect(response) ? -1 : response.Content.Headers.ContentLength ?? -1;
        return new HubFile(path, etag.ToLowerInvariant(), length);
    }

    /// <summary>Appends a file's content, from a byte on, to a stream.</summary>
    /// <param name="id">The repository.</param>
    /// <param name="commit">The commit.</param>
    /// <param name="file">The file.</param>
    /// <param name="target">Where it goes; what it holds already is not fetched again if the hub can go on from there, else it is emptied first.</param>
    /// <param name="received">Told the bytes that are there.</param>
    /// <param name="cancellation">Ends the transfer; what has arrived stays.</param>
    public async Task FetchAsync(HubId id, string commit, HubFile file, FileStream target, Action<long> received, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(target);
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, FileAddress(id, commit, file.Path), id, target.Length, cancellation).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.PartialContent)
            target.SetLength(0);
        target.Position = target.Length;
        try
        {
            using Stream source = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            byte[] buffer = new byte[1 << 20];
            for (int read; (read = await WithinAsync(id, token => source.ReadAsync(buffer, token).AsTask(), cancellation).ConfigureAwait(false)) > 0;)
            {
                if (file.Length >= 0 && target.Length + read > file.Length)
                    throw new AudioTokenException(ErrorCode.Content, $"{id}: {file.Path} is longer than the {file.Length:N0} bytes that the hub promised", "try again; if it stays so, do not use it");
                await target.WriteAsync(buffer.AsMemory(0, read), cancellation).ConfigureAwait(false);
                received(target.Length);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            throw Broken(id, exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static string FileAddress(HubId id, string commit, string path) => $"{id.Repository}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}";

    // Both separators on every system: nothing that a server names may leave the snapshot's folder.
    internal static bool IsPlainPath(string path) =>
        path.Length is > 0 and <= 512 && !path.Contains('\\') && !path.Contains(':') && !path.Any(char.IsControl)
        && path.Split('/').All(part => part.Length > 0 && part is not ("." or ".."));

    private static bool IsRedirect(HttpResponseMessage response) => (int)response.StatusCode is >= 301 and <= 308 && response.Headers.Location is not null;

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string address, HubId id, long from, CancellationToken cancellation)
    {
        const int mostRedirects = 5;
        Uri uri = new(_endpoint, address);
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage request = new(method, uri);
            if (_token is not null && uri.Host == _endpoint.Host && uri.Port == _endpoint.Port && uri.Scheme == _endpoint.Scheme)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage response;
            try
            {
                response = await WithinAsync(id, token => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), cancellation).ConfigureAwait(false);
            }
            catch (HttpRequestException exception)
            {
                throw Broken(id, exception);
            }

            if (response.IsSuccessStatusCode)
                return response;
            // The hub describes a large file on the way to where it lies: a HEAD goes no further.
            if (IsRedirect(response) && method == HttpMethod.Head && response.Headers.Contains("X-Linked-Etag"))
                return response;
            if (IsRedirect(response) && redirects < mostRedirects)
            {
                uri = new Uri(uri, response.Headers.Location!);
                response.Dispose();
                continue;
            }

            using (response)
                throw Refusal(response.StatusCode, id, address);
        }
    }

    private async Task<byte[]> ReadSmallAsync(HttpResponseMessage response, HubId id, CancellationToken cancellation)
    {
        try
        {
            using Stream stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            using MemoryStream body = new();
            byte[] buffer = new byte[1 << 16];
            for (int read; (read = await WithinAsync(id, token => stream.ReadAsync(buffer, token).AsTask(), cancellation).ConfigureAwait(false)) > 0;)
            {
                body.Write(buffer, 0, read);
                if (body.Length > MaxListBytes)
                    throw new AudioTokenException(ErrorCode.Content, $"{id}: the hub's list of files is longer than {MaxListBytes:N0} bytes", "is HF_ENDPOINT a HuggingFace hub?");
            }

            return body.ToArray();
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            throw Broken(id, exception);
        }
    }

    // A server that falls silent is as good as gone.
    private async Task<T> WithinAsync<T>(HubId id, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            return await work(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Broken(id, new TimeoutException(FormattableString.Invariant($"nothing came for {Patience.TotalSeconds:0} s")));
        }
    }

    private AudioTokenException Refusal(HttpStatusCode status, HubId id, string address) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new(
            ErrorCode.Refused, $"{id}: the hub gives it to nobody unknown ({(int)status}): it is gated or private, or does not exist",
            _token is null ? "accept its terms on its page, then set HF_TOKEN" : "accept its terms on its page with the account of HF_TOKEN"),
        HttpStatusCode.NotFound => new(ErrorCode.Refused, $"{id}: the hub does not have it (404: {address})", "look at the spelling, and at the revision after '@'"),
        _ => new(ErrorCode.Refused, $"{id}: the hub answers {(int)status} to {address}", "try again later"),
    };

    private AudioTokenException Broken(HubId id, Exception exception) => new(
        ErrorCode.Connection, $"{id}: {_endpoint.Host} cannot be reached, or the connection broke: {exception.Message.TrimEnd('.')}",
        "run the same command again: what has arrived is kept", exception);
}
