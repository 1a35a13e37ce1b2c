using System.Text;
using AudioToken.Tensors;
using AudioToken.WeightsConverter.Hub;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>Downloads from a server on this machine that plays the hub; nothing here leaves it.</summary>
public sealed class HubPullTests : IDisposable
{
    private const string Weights = "unet/diffusion_pytorch_model.safetensors";

    private readonly string _root = Directory.CreateTempSubdirectory("audiotoken-hub-").FullName;
    private readonly HubServer _hub = new();

    public HubPullTests()
    {
        _hub.Files["model_index.json"] = "{}"u8.ToArray();
        _hub.Files["unet/config.json"] = "{\"a\": 1}"u8.ToArray();
        _hub.Files[Weights] = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))];
        _hub.Large.Add(Weights);
    }

    private static CancellationToken End => TestContext.Current.CancellationToken;

    private string Repository => Path.Combine(_root, "models--org--name");

    [Fact]
    public async Task Snapshot_LiesAsEveryProgramExpectsIt()
    {
        (string folder, int files) = await PullAsync(token: "secret");

        Assert.Equal((Path.Combine(Repository, "snapshots", HubServer.Commit), 3), (folder, files));
        Assert.Equal(HubServer.Commit, File.ReadAllText(Path.Combine(Repository, "refs", "main")));
        foreach ((string path, byte[] content) in _hub.Files)
        {
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(folder, path)));
            string up = path.Contains('/', StringComparison.Ordinal) ? "../../../" : "../../";
            Assert.Equal($"{up}blobs/{_hub.HashOf(path)}", new FileInfo(Path.Combine(folder, path)).LinkTarget);
        }

        Assert.Equal(folder, new HubCache(_root).Resolve(HubId.Parse("org/name")));
        Assert.Equal((true, false), _hub.TokenSeen); // the hub sees the token, the place it sends on to does not
    }

    [Fact]
    public async Task WhatIsThere_IsNotFetchedAgain()
    {
        await PullAsync();
        int before = _hub.Requests.Count;
        await PullAsync();
        Assert.DoesNotContain(_hub.Requests.Skip(before), request => request.StartsWith("GET /org/", StringComparison.Ordinal) || request.StartsWith("GET /store/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CutDownload_GoesOnWhereItStopped()
    {
        _hub.Files.Remove("model_index.json");
        _hub.Files.Remove("unet/config.json");
        _hub.CutAfter = 30_000;
        AudioTokenException cut = await Assert.ThrowsAsync<AudioTokenException>(() => PullAsync());
        Assert.Equal(8702, cut.Code);
        Assert.Contains("run the same command again", cut.Hint, StringComparison.Ordinal);
        string incomplete = Path.Combine(Repository, "blobs", _hub.HashOf(Weights) + ".incomplete");
        Assert.Equal(30_000, new FileInfo(incomplete).Length);
        Assert.False(Directory.Exists(Path.Combine(Repository, "refs"))); // a revision is named only when it is whole

        (string folder, _) = await PullAsync();
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(folder, Weights)));
        Assert.Contains($"GET /store/{Weights} bytes=30000-", _hub.Requests);
        Assert.False(File.Exists(incomplete));
    }

    [Fact]
    public async Task OtherContentThanPromised_IsNotKept()
    {
        _hub.Falsify = true;
        AudioTokenException refusal = await Assert.ThrowsAsync<AudioTokenException>(() => PullAsync());
        Assert.Equal(4721, refusal.Code);
        Assert.Contains($"the hub promised {_hub.HashOf("model_index.json")}", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Repository, "blobs", _hub.HashOf("model_index.json"))));
        _hub.Falsify = false;
        await PullAsync();
    }

    [Theory]
    [InlineData(401, null, "the hub gives it to nobody unknown (401)", "then set HF_TOKEN")]
    [InlineData(403, "secret", "the hub gives it to nobody unknown (403)", "with the account of HF_TOKEN")]
    [InlineData(404, null, "the hub does not have it (404: api/models/org/name/revision/main)", "look at the spelling")]
    [InlineData(503, null, "the hub answers 503", "try again later")]
    public async Task Refusals_SayWhatToDo(int status, string? token, string message, string hint)
    {
        _hub.Refuse = status;
        AudioTokenException refusal = await Assert.ThrowsAsync<AudioTokenException>(() => PullAsync(token));
        Assert.Equal(8701, refusal.Code);
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(hint, refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NobodyThere_IsSaid()
    {
        using HubClient client = new("http://127.0.0.1:1", null);
        AudioTokenException refusal = await Assert.ThrowsAsync<AudioTokenException>(() => new HubPull(new HubCache(_root), client).RunAsync(HubId.Parse("org/name"), null, false, null, End));
        Assert.Equal(8702, refusal.Code);
        Assert.StartsWith("org/name: 127.0.0.1 cannot be reached, or the connection broke: ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SilentServer_IsGivenUp()
    {
        _hub.FallSilent = true;
        using HubClient client = new(_hub.Endpoint, null) { Patience = TimeSpan.FromMilliseconds(300) };
        AudioTokenException refusal = await Assert.ThrowsAsync<AudioTokenException>(() => new HubPull(new HubCache(_root), client).RunAsync(HubId.Parse("org/name"), null, false, null, End));
        Assert.Equal(8702, refusal.Code);
        Assert.Contains("nothing came for 0 s", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"sha":"0123","siblings":[{"rfilename":"../../evil"}]}""", "lists a file '../../evil'")]
    [InlineData("""{"sha":"0123","siblings":[{"rfilename":"/etc/passwd"}]}""", "lists a file '/etc/passwd'")]
    [InlineData("""{"sha":"0123","siblings":[{"rfilename":"a\\b"}]}""", "lists a file")]
    [InlineData("""{"sha":"../x","siblings":[]}""", "malformed: 'sha' is no commit")]
    [InlineData("""{"sha":"0123"}""", "malformed")]
    [InlineData("<html>", "malformed")]
    public async Task ListThatLeadsAstray_IsRefused(string listing, string words)
    {
        _hub.Listing = listing;
        AudioTokenException refusal = await Assert.ThrowsAsync<AudioTokenException>(() => PullAsync());
        Assert.Equal(4721, refusal.Code);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Repository));
    }

    [Fact]
    public async Task TwoAtOnce_BothSucceed()
    {
        await Task.WhenAll(PullAsync(), PullAsync());
        Assert.Equal(_hub.Files[Weights], File.ReadAllBytes(Path.Combine(new HubCache(_root).Resolve(HubId.Parse("org/name")), Weights)));
    }

    [Fact]
    public async Task OnlyWhatIsRead_IsFetched()
    {
        foreach (string path in (string[])["unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors", "safety_checker/model.safetensors", "v1-4.ckpt", "README.md", "tokenizer/merges.txt", "vae/diffusion_pytorch_model.bin"])
            _hub.Files[path] = Encoding.UTF8.GetBytes(path);
        (string folder, _) = await PullAsync();
        string[] Found(string root) => [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(root, path)).Order(StringComparer.Ordinal)];
        Assert.Equal(["model_index.json", "tokenizer/merges.txt", "unet/config.json", Weights, "vae/diffusion_pytorch_model.bin"], Found(folder));
        Directory.Delete(Repository, recursive: true);
        (folder, _) = await PullAsync(variant: "fp16");
        Assert.Equal(["model_index.json", "tokenizer/merges.txt", "unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.bin"], Found(folder));
    }

    public void Dispose()
    {
        _hub.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private async Task<(string Folder, int Files)> PullAsync(string? token = null, string? variant = null)
    {
        using HubClient client = new(_hub.Endpoint, token) { Patience = TimeSpan.FromSeconds(20) };
        return await new HubPull(new HubCache(_root), client).RunAsync(HubId.Parse("org/name"), variant, everything: false, progress: null, End);
    }
}
