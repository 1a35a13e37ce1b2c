using AudioToken.Tensors;
using AudioToken.WeightsConverter.Hub;
using Xunit;

namespace AudioToken.Tests.WeightsConverter;

/// <summary>A cache as other programs leave it, whole and broken (RELIABILITY case 18).</summary>
public sealed class HubCacheTests : IDisposable
{
    private const string Commit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private readonly string _root = Directory.CreateTempSubdirectory("audiotoken-cache-").FullName;

    private string Repository => Path.Combine(_root, "models--org--name");

    private string Snapshot => Path.Combine(Repository, "snapshots", Commit);

    [Fact]
    public void Snapshot_IsFoundByBranchTagCommitAndReference()
    {
        Write("blobs/1234", "content");
        Write("refs/main", Commit + "\n");
        Write("refs/refs/pr/1", Commit);
        Link("unet/model.bin", "../../../blobs/1234");
        Write(".no_exist/" + Commit + "/config.json", "");
        foreach (string id in (string[])["org/name", $"org/name@{Commit}", "org/name@refs/pr/1"])
            Assert.Equal(Snapshot, new HubCache(_root).Resolve(HubId.Parse(id)));
        Assert.Equal("content", File.ReadAllText(Path.Combine(Snapshot, "unet", "model.bin")));
    }

    [Fact]
    public void CacheBehindALink_IsTheSameCache()
    {
        Write("blobs/1234", "content");
        Write("refs/main", Commit);
        Link("model.bin", "../../blobs/1234");
        string link = _root + "-link";
        Directory.CreateSymbolicLink(link, _root);
        try
        {
            Assert.Equal(Path.Combine(link, "models--org--name", "snapshots", Commit), new HubCache(link).Resolve(HubId.Parse("org/name")));
        }
        finally
        {
            Directory.Delete(link);
        }
    }

    [Fact]
    public void RepositoryThatIsNotThere_IsSaid() => Refuses($"org/name: it is not in the cache: there is no folder '{Repository}'.");

    [Fact]
    public void RevisionThatIsNotThere_NamesThoseThatAre()
    {
        Write("refs/main", Commit);
        Write("refs/fp16", Commit);
        Refuses("org/name@v2: the cache has no revision 'v2' of it, but fp16, main.", "org/name@v2");
    }

    [Fact]
    public void ReferenceToAMissingSnapshot_NamesBoth()
    {
        Write("refs/main", Commit);
        Refuses($"org/name: revision 'main' is commit {Commit}, whose snapshot is missing: there is no folder '{Snapshot}'.");
    }

    [Theory]
    [InlineData("../../../../etc")]
    [InlineData("")]
    public void ReferenceThatIsNoCommit_IsRefused(string content)
    {
        Write("refs/main", content);
        Refuses($"org/name: '{Path.Combine(Repository, "refs", "main")}' holds no commit.");
    }

    [Fact]
    public void DanglingLink_IsNamedWithItsTarget()
    {
        Write("refs/main", Commit);
        Link("unet/model.bin", "../../../blobs/gone");
        Refuses("org/name: 'unet/model.bin' is a link to '../../../blobs/gone', which does not exist: its download was removed or never finished.");
    }

    [Fact]
    public void LinkOutOfTheRepository_IsNotFollowed()
    {
        string outside = Path.Combine(_root, "secret");
        File.WriteAllText(outside, "x");
        Write("refs/main", Commit);
        Link("model.bin", outside);
        Refuses($"org/name: 'model.bin' is a link to '{outside}', outside of the repository's folder; such links are not followed.");
    }

    [Theory]
    [InlineData("org")]
    [InlineData("org/name/more")]
    [InlineData("../name")]
    [InlineData("org/..")]
    [InlineData("org/name@../x")]
    [InlineData("org/name@")]
    [InlineData("-org/name")]
    public void OtherTexts_AreNoRepositories(string text)
    {
        Assert.False(HubId.IsOne(text));
        Assert.Equal(2601, Assert.Throws<AudioTokenException>(() => HubId.Parse(text)).Code);
    }

    [Fact]
    public void Place_ComesFromTheEnvironment()
    {
        Dictionary<string, string> variables = new() { ["HF_HOME"] = "/h" };
        Assert.Equal(Path.Combine("/h", "hub"), HubCache.FromEnvironment(variables.GetValueOrDefault).Root);
        variables["HF_HUB_CACHE"] = "/c";
        Assert.Equal("/c", HubCache.FromEnvironment(variables.GetValueOrDefault).Root);
        Assert.EndsWith(Path.Combine("huggingface", "hub"), HubCache.FromEnvironment(_ => null).Root, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Refuses(string message, string id = "org/name")
    {
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => new HubCache(_root).Resolve(HubId.Parse(id)));
        Assert.Equal((4720, message, $"audiotoken pull {id}, or name a folder or file"), (refusal.Code, refusal.Message, refusal.Hint));
    }

    private void Write(string relative, string content)
    {
        string path = Path.Combine(Repository, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private void Link(string relative, string target)
    {
        string path = Path.Combine(Snapshot, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.CreateSymbolicLink(path, target);
    }
}
