using AudioToken.Tensors;
using AudioToken.Training.Data;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>VGGSound's table of classes, lists of ids, frames of videos.</summary>
public sealed class SampleLabelsTests : IDisposable
{
    private static readonly TrainingSample[] s_samples =
    [
        new("abcdefghijk_0_10000/3", "audio/abcdefghijk_0_10000.wav", "3.png"), new("short", "short.wav", "short.png"), new("zyxwvutsrqp_0_10000", "zyxwvutsrqp_0_10000.wav", "z.png"),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-labels-").FullName;

    [Fact]
    public void AsPublished_ColumnsHaveNoNames()
    {
        string table = Write("vggsound.csv", "abcdefghijk,0,\"dog barking, \"\"far\"\" away\",train", "zyxwvutsrqp,0,rain,test", "", "short,0,siren,train");
        Assert.Equal(["dog barking, \"far\" away", "siren"], SampleLabels.Read(table, "train").Label(s_samples).Select(sample => sample.Label));
        Assert.Equal(["zyxwvutsrqp_0_10000"], SampleLabels.Read(table, "test").Label(s_samples).Select(sample => sample.Id));
    }

    [Fact]
    public void AFirstLine_MayNameTheColumns_AndTheFirstRowCounts()
    {
        string table = Write("table.csv", "set,class,ytid", "train,bell,short", "train,clock,short");
        Assert.Equal(["bell"], SampleLabels.Read(table, "train").Label(s_samples).Select(sample => sample.Label));
    }

    [Fact]
    public void ATableThatIsNone_IsRefused()
    {
        Refused("line 2 has 3 fields, wanted 4", () => SampleLabels.Read(Write("a.csv", "a,0,dog,train", "b,0,dog"), "train"));
        Refused("line 1 names the columns ytid, kind, wanted ytid, set and class among them", () => SampleLabels.Read(Write("b.csv", "ytid,kind"), "train"));
        Refused("has 1 lines and none of the set 'valid'", () => SampleLabels.Read(Write("c.csv", "a,0,dog,train"), "valid"));
        Refused("cannot be read", () => SampleLabels.Read(Path.Combine(_folder, "none.csv"), "train"));
    }

    [Fact]
    public void Windows_HaveThePictureIn()
    {
        static TrainingSample At(double? second) => new("a", "a.wav", "a.png", Second: second);
        Assert.Equal((0, 5), At(null).Starts(5, 5));
        Assert.Equal((0, 1), At(0.5).Starts(5, 5));
        Assert.Equal((0, 5), At(4.5).Starts(5, 5));
        Assert.Equal((2, 3), At(6.5).Starts(5, 5));
        Assert.Equal((4, 1), At(9.5).Starts(5, 5)); // no window reaches it
    }

    [Fact]
    public void Videos_GiveTenFramesEach()
    {
        foreach (string name in (string[])["audio/a.wav", "audio/b.wav", "video/a.mp4"])
            Write(name);
        List<string> without = [];
        IReadOnlyList<TrainingSample> samples = SampleList.Read(_folder, Path.Combine(_folder, "frames-made"), without.Add);
        Assert.Equal(10, samples.Count);
        Assert.Equal(("a/9", 9.5, Path.Combine(_folder, "video/a.mp4")), (samples[9].Id, samples[9].Second, samples[9].Video));
        Assert.Equal([Path.Combine(_folder, "audio/b.wav")], without);
    }

    [Fact]
    public void AFrame_IsTakenOnce()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "stands in for ffmpeg with a shell script");
        // Writes its arguments to the last of them.
        string program = Write("ffmpeg.sh", "#!/bin/sh", "for last; do :; done", "case \"$*\" in *broken*) echo 'moov atom not found' >&2; exit 1;; -version) exit 0;; esac", "echo \"$*\" >> \"$last\"");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        VideoFrames frames = new(program);
        frames.Check();
        TrainingSample sample = new("a/2", "a.wav", Path.Combine(_folder, "f", "a", "2.png"), Second: 2.5, Video: "video/a.mp4");
        frames.Make(sample);
        frames.Make(sample);
        Assert.Contains("-ss 2.5 -i video/a.mp4 -frames:v 1", Assert.Single(File.ReadAllLines(sample.Image)), StringComparison.Ordinal);

        AudioTokenException none = Assert.Throws<AudioTokenException>(() => frames.Make(sample with { Image = Path.Combine(_folder, "g.png"), Video = "broken.mp4" }));
        Assert.Equal((3702, "'broken.mp4' has no frame at second 2.5 (ffmpeg: moov atom not found)"), (none.Code, none.Message));
    }

    [Fact]
    public void WithoutFfmpeg_ItIsSaidHowToGetIt()
    {
        AudioTokenException missing = Assert.Throws<AudioTokenException>(() => new VideoFrames(Path.Combine(_folder, "no-ffmpeg")).Check());
        Assert.Equal(3702, missing.Code);
        Assert.Contains("the data has videos and '", missing.Message, StringComparison.Ordinal);
        Assert.Contains("--ffmpeg", missing.Hint, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Refused(string wanted, Action act)
    {
        AudioTokenException refused = Assert.Throws<AudioTokenException>(act);
        Assert.Equal(3701, refused.Code);
        Assert.Contains(wanted, refused.Message, StringComparison.Ordinal);
    }

    private string Write(string name, params string[] lines)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, string.Join('\n', lines));
        return path;
    }
}
