using System.Diagnostics;
using System.Text;
using AudioToken.Audio;
using AudioToken.Tensors;
using Xunit;
using static AudioToken.Tests.Audio.WavBytes;

namespace AudioToken.Tests.Audio;

public sealed class AudioReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("sound.mp3")] // the content decides, not the name
    [InlineData("-rf")]
    [InlineData("with\nnewline.wav")]
    [InlineData("🎵 song.wav")]
    [InlineData("no extension")]
    public void AnyName_IsTakenLiterally(string name)
    {
        string path = Write(name, File(Format(1, 1, 16000, 16), Chunk("data", Ramp(9))));
        Assert.Equal(9, AudioReader.Read(path).FrameCount);

        string here = Directory.GetCurrentDirectory();
        Assert.Equal(9, AudioReader.Read(Path.GetRelativePath(here, path)).FrameCount);
    }

    [Fact]
    public void NamesInMessages_AreEscaped()
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open("no\nsuch\u001bfile.wav"));
        Assert.Equal("there is no file 'no\\nsuch\\x1bfile.wav'.", e.Message);
        Assert.Equal(3001, e.Code);
    }

    [Fact]
    public void Folder_IsRefused()
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open(_folder));
        Assert.Equal($"'{_folder}' is a folder; wanted one sound file.", e.Message);
        Assert.Equal(3002, e.Code);
    }

    [Fact]
    public void LinksThatLeadNowhere_AreRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "symbolic links need a privilege on Windows");
        string dangling = Path.Combine(_folder, "dangling"), a = Path.Combine(_folder, "a"), b = Path.Combine(_folder, "b");
        System.IO.File.CreateSymbolicLink(dangling, "gone.wav");
        System.IO.File.CreateSymbolicLink(a, b);
        System.IO.File.CreateSymbolicLink(b, a);

        Assert.Equal($"there is no file '{dangling}' (a link to 'gone.wav', which is not there).",
            Assert.Throws<AudioFormatException>(() => AudioReader.Open(dangling)).Message);
        AudioFormatException loop = Assert.Throws<AudioFormatException>(() => AudioReader.Open(a));
        Assert.StartsWith($"'{a}' (a symbolic link) cannot be opened: ", loop.Message);
        Assert.Equal(3002, loop.Code);
    }

    [Theory]
    [InlineData("\0\0\0\u0020ftypM4A ", "holds MP4/M4A: a video or AAC container, which is not read here.")]
    [InlineData("\u001aEß£webm", "holds Matroska/WebM: a video or AAC container, which is not read here.")]
    [InlineData("RIFF\u0010\0\0\0AVI LIST", "holds AVI: a video or AAC container, which is not read here.")]
    [InlineData("ÿñP\u0080", "holds AAC: a video or AAC container, which is not read here.")]
    public void VideoAndAac_AreRefusedWithTheCommandThatExtractsTheSound(string head, string message)
    {
        string path = Write("film.wav", Encoding.Latin1.GetBytes(head));
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open(path));
        Assert.Equal($"'{path}' {message}", e.Message);
        Assert.Equal($"Extract the sound first: ffmpeg -i {path} -ac 1 -ar 16000 out.wav", e.Hint);
        Assert.Equal(3004, e.Code);
    }

    [Theory]
    [InlineData("fLaC\0\0\0\u0022", "FLAC")]
    [InlineData("OggS\0\u0002________________________", "Ogg")]
    [InlineData("OggS\0\u0002______________________OpusHead", "Ogg Opus")]
    [InlineData("OggS\0\u0002______________________\u0001vorbis", "Ogg Vorbis")]
    [InlineData("ID3\u0004", "MP3")]
    [InlineData("ÿû\u0090d", "MP3")]
    [InlineData("FORM\0\0\0\u0010AIFF", "AIFF")]
    public void FormatWithoutItsDecoder_IsNamedWithWhatToInstall(string head, string format)
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() =>
            AudioReader.Open(new MemoryStream(Encoding.Latin1.GetBytes(head)), "song", new AudioReadOptions { UseLibsndfile = false }));
        Assert.Equal($"'song' holds {format}; reading it needs libsndfile, which is not allowed here.", e.Message);
        Assert.Equal("Install it (Debian, Ubuntu: apt-get install libsndfile1; macOS: brew install libsndfile) or convert the sound: ffmpeg -i song -ac 1 -ar 16000 out.wav", e.Hint);
        Assert.Equal(3005, e.Code);
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html>", "'x' holds an HTML or XML page (a download that failed?), not a sound.")]
    [InlineData("\u0089PNG\r\n", "'x' holds a PNG picture, not a sound.")]
    [InlineData("PK\u0003\u0004", "'x' holds a zip archive, not a sound.")]
    [InlineData("version https://git-lfs.github.com/spec/v1", "'x' holds a git-LFS pointer (run: git lfs pull), not a sound.")]
    [InlineData("hello world", "'x' begins with 'hell', which is no sound format known here (WAV, or FLAC, Ogg, Opus, MP3, AIFF, AU, CAF by libsndfile).")]
    [InlineData("\0\0\0\0\0", "'x' begins with 0x00000000, which is no sound format known here (WAV, or FLAC, Ogg, Opus, MP3, AIFF, AU, CAF by libsndfile).")]
    [InlineData("R", "'x' begins with 'R', which is no sound format known here (WAV, or FLAC, Ogg, Opus, MP3, AIFF, AU, CAF by libsndfile).")]
    public void WhatIsNoSound_IsSaidToBeNone(string head, string message)
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open(new MemoryStream(Encoding.Latin1.GetBytes(head)), "x"));
        Assert.Equal(message, e.Message);
        Assert.Equal(3003, e.Code);
    }

    [Fact]
    public void DevZero_IsRefusedAtOnceAndReadAsRawUpToTheWindow()
    {
        Assert.SkipUnless(System.IO.File.Exists("/dev/zero"), "no /dev/zero here");
        Assert.Equal(3003, Assert.Throws<AudioFormatException>(() => AudioReader.Open("/dev/zero")).Code);

        AudioReadOptions raw = new() { Raw = RawAudioFormat.Parse("s16le"), MaxInputBytes = 1_000_000 };
        AudioClip clip = AudioClip.Load("/dev/zero", raw, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(160_000, clip.Samples.Length);
        Assert.Equal(["silent (below -60 dBFS): the token carries little"], clip.Warnings);
        Assert.Equal("'/dev/zero' goes on after 1,000,000 bytes, the most that is read.",
            Assert.Throws<AudioFormatException>(() => AudioClip.Load("/dev/zero", raw, window: WindowPolicy.Loudest, cancellation: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public async Task Fifo_IsReadAsAStream()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "named pipes of this kind are Unix's");
        string path = Path.Combine(_folder, "pipe");
        using (Process mkfifo = Process.Start("mkfifo", [path]))
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);

        Task writer = Task.Run(() => System.IO.File.WriteAllBytes(path, File(Format(1, 1, 16000, 16), Chunk("data", Ramp(5000)))), TestContext.Current.CancellationToken);
        Assert.Equal(5000, AudioReader.Read(path).FrameCount);
        await writer;
    }

    [Fact]
    public void RawPcm_ReadsAsTold()
    {
        byte[] bytes = [.. Ramp(5), 9];
        using AudioReader reader = AudioReader.Open(new PipeStream(bytes), "stdin", new AudioReadOptions { Raw = RawAudioFormat.Parse("s16le,8000,2") });
        Waveform sound = reader.ReadToEnd();
        Assert.Equal((8000, 2, 2), (sound.SampleRateHz, sound.Channels, sound.FrameCount));
        Assert.Equal("headerless, 16-bit PCM", reader.Format);
        Assert.Equal(["the last 3 bytes are no whole frame of 4 bytes and are not used"], reader.Warnings);

        Waveform floats = AudioReader.Read(new MemoryStream(BitConverter.GetBytes(0.25f)), "stdin", new AudioReadOptions { Raw = RawAudioFormat.Parse("f32le") });
        Assert.Equal([0.25f], floats.Samples.ToArray());
    }

    [Fact]
    public void RawPcmWithAWavHeader_IsReadByItsHeader()
    {
        byte[] file = File(Format(1, 1, 44100, 16), Chunk("data", Ramp(5)));
        using AudioReader reader = AudioReader.Open(new PipeStream(file), "stdin", new AudioReadOptions { Raw = RawAudioFormat.Parse("f32le") });
        Assert.Equal(44100, reader.SampleRateHz);
        Assert.Equal(["the input has a WAV header: the raw format asked for is not used"], reader.Warnings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s16be")]
    [InlineData("s16le,0")]
    [InlineData("s16le,16000,257")]
    [InlineData("s16le,16000,1,1")]
    [InlineData("s16le,-5")]
    public void RawFormatsThatCannotBe_AreRefused(string text)
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => RawAudioFormat.Parse(text));
        Assert.Equal($"raw format '{text}': wanted ENCODING[,RATE[,CHANNELS]] with encoding u8, s16le, s24le, s32le, f32le, f64le, mulaw or alaw, "
            + "rate 1 to 768000 Hz and 1 to 256 channels.", e.Message);
        Assert.Equal(2103, e.Code);
    }

    [Fact]
    public void AStreamThatBreaks_SaysSo()
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => AudioReader.Open(new BrokenStream(), "net"));
        Assert.Equal("reading 'net' failed: the wire was cut", e.Message);
        Assert.Equal(8101, e.Code);
    }

    [Fact]
    public void EveryRefusal_ClosesTheStream()
    {
        foreach (byte[] bytes in new byte[][] { [], [1, 2, 3, 4], File(), File(Format(1, 0, 1, 8)) })
        {
            MemoryStream stream = new(bytes);
            Assert.ThrowsAny<AudioTokenException>(() => AudioReader.Open(stream, "x"));
            Assert.False(stream.CanRead);
        }
    }

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer) => throw new IOException("the wire was cut");
    }
}
