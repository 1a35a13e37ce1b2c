using System.Xml.Linq;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Architecture;

/// <summary>Rooms and one-way arrows, read from the project files (docs/DESIGN.md draws them).</summary>
public sealed class RoomsTests
{
    // Each room and the rooms it may name; what those see, it sees too.
    private static readonly Dictionary<string, string[]> s_arrows = new()
    {
        ["AudioToken.Tensors"] = [],
        ["AudioToken.Weights"] = ["AudioToken.Tensors"],
        ["AudioToken.Audio"] = ["AudioToken.Tensors"],
        ["AudioToken.Sampling"] = ["AudioToken.Tensors"],
        ["AudioToken.Backends.Cpu"] = ["AudioToken.Tensors"],
        ["AudioToken.Backends.Cuda"] = ["AudioToken.Tensors"],
        ["AudioToken.Models"] = ["AudioToken.Weights"],
        ["AudioToken.Pipelines"] = ["AudioToken.Audio", "AudioToken.Models", "AudioToken.Sampling"],
        ["AudioToken.World"] = ["AudioToken.Audio", "AudioToken.Pipelines"],
        ["AudioToken.Training"] = ["AudioToken.Pipelines", "AudioToken.World"],
        ["AudioToken.Bench"] = ["AudioToken.Audio", "AudioToken.Models", "AudioToken.Pipelines"],
        ["AudioToken.WeightsConverter"] = ["AudioToken.Weights"],
        ["AudioToken.Cli"] =
        [
            "AudioToken.Pipelines", "AudioToken.Backends.Cpu", "AudioToken.Backends.Cuda", "AudioToken.WeightsConverter", "AudioToken.World", "AudioToken.Training", "AudioToken.Bench",
        ],
        ["AudioToken.Convert"] = ["AudioToken.Cli"],
    };

    [Fact]
    public void ProjectReferences_FollowTheArrows()
    {
        foreach (string project in Projects("src").Concat(Projects("weights-converter")))
        {
            string room = Path.GetFileNameWithoutExtension(project);
            Assert.True(s_arrows.TryGetValue(room, out string[]? allowed), $"{room} is a room that docs/DESIGN.md and this test do not know.");
            foreach (string reference in References(project))
                Assert.True(allowed.Contains(reference), $"{room} -> {reference} is not an arrow of docs/DESIGN.md; allowed: {string.Join(", ", allowed)}.");
        }
    }

    [Fact]
    public void Rooms_NeverSeeTestsOrBenchmarks()
    {
        foreach (string project in Projects("src").Concat(Projects("weights-converter")))
        {
            Assert.DoesNotContain(References(project), reference =>
                reference.Contains("Test", StringComparison.Ordinal) || reference.Contains("Benchmark", StringComparison.Ordinal));
        }
    }

    // A project reference gives what lies behind it too, so the arrows alone would let a model name Tensors' neighbours.
    [Theory]
    [InlineData("AudioToken.Models", "AudioToken.Backends")]
    [InlineData("AudioToken.Pipelines", "AudioToken.Backends")]
    [InlineData("AudioToken.Training", "AudioToken.Backends")]
    [InlineData("AudioToken.Bench", "AudioToken.Backends")]
    [InlineData("AudioToken.Backends.Cpu", "AudioToken.Models")]
    [InlineData("AudioToken.Backends.Cuda", "AudioToken.Models")]
    [InlineData("AudioToken.Weights", "AudioToken.WeightsConverter")]
    public void Sources_DoNotNameForbiddenRooms(string room, string forbidden)
    {
        string folder = Path.Combine(Root(), "src", room);
        foreach (string file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Where(file => !InBuildOutput(file)))
            Assert.False(File.ReadAllText(file).Contains("using " + forbidden, StringComparison.Ordinal), $"{file} names {forbidden}.");
    }

    [Fact]
    public void Versions_AreWrittenOnce()
    {
        foreach (string project in Directory.EnumerateFiles(Root(), "*.csproj", SearchOption.AllDirectories).Where(file => !InBuildOutput(file)))
        {
            foreach (XElement package in XDocument.Load(project).Descendants("PackageReference"))
                Assert.True(package.Attribute("Version") is null, $"{project}: versions belong in Directory.Packages.props.");
        }
    }

    private static string Root()
    {
        Assert.SkipWhen(Repository.Root is null, "not run from a working tree");
        return Repository.Root!;
    }

    private static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.csproj", SearchOption.AllDirectories);

    private static IEnumerable<string> References(string project) => XDocument.Load(project).Descendants("ProjectReference")
        .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));

    private static bool InBuildOutput(string file) =>
        file.Contains("/obj/", StringComparison.Ordinal) || file.Contains("/bin/", StringComparison.Ordinal)
        || file.Contains("\\obj\\", StringComparison.Ordinal) || file.Contains("\\bin\\", StringComparison.Ordinal);
}
