using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class CancellationTests(CliDemo demo)
{
    [Theory, InlineData("generate"), InlineData("encode")]
    public void Cancelled_EndsWith130AndWritesNothing(string command)
    {
        string folder = demo.NewFolder();
        CliRun run = demo.Run(new CliInput { Cancellation = new CancellationToken(canceled: true) }, command, demo.Sound, "-o", folder, "--json").Exits(130);

        Assert.Equal("cancelled", run.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("cancelled", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void CancelledInTheSecondPicture_KeepsTheFirst()
    {
        string folder = demo.NewFolder();
        using CancellationTokenSource source = new();
        using LineWatcher error = new("wrote ", source.Cancel);
        CliRun run = demo.Run(
            new CliInput { Error = error, Cancellation = source.Token }, "generate", demo.Sound, "--steps", "1", "-s", "1", "-b", "3", "-o", Path.Combine(folder, "out.png"), "--json").Exits(130);

        Assert.Equal(["out-1.png"], Directory.GetFileSystemEntries(folder).Select(Path.GetFileName));
        Assert.Single(run.Json.GetProperty("outputs").EnumerateArray());
    }

    [Fact]
    public void CancelledWhileStandardInputWaits_EndsAtOnce()
    {
        using CancellationTokenSource source = new();
        using LineWatcher error = new("device: ", () => source.CancelAfter(50));
        using WaitingStream stream = new();

        demo.Run(new CliInput { Error = error, Stream = stream, Cancellation = source.Token }, "generate", "-").Exits(130);
    }

    /// <summary>A pipe whose writer says nothing, until the test ends.</summary>
    private sealed class WaitingStream : MemoryStream
    {
        private readonly ManualResetEventSlim _end = new();

        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer)
        {
            _end.Wait(TimeSpan.FromSeconds(30));
            return 0;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _end.Set();
            base.Dispose(disposing);
        }
    }
}
