using AudioToken.Pipelines.Imaging;
using AudioToken.World;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class SoundSheetTests
{
    [Fact]
    public void Waveform_SpansFromLowestToHighest()
    {
        // Four columns: silence, full height, upper half, lower half.
        ImageBuffer wave = SoundSheet.Waveform([0, 0, -1, 1, 0, 0.5f, -0.5f, 0], 4, 8);
        bool[] Column(int x) => [.. Enumerable.Range(0, 8).Select(y => wave.Row(y)[3 * x] < 200)];
        Assert.Equal([false, false, false, false, true, false, false, false], Column(0));
        Assert.All(Column(1), Assert.True);
        Assert.Equal([false, false, true, true, true, false, false, false], Column(2));
        Assert.Equal([false, false, false, false, true, true, true, false], Column(3));
    }

    [Fact]
    public void Sheet_HoldsEveryPictureWhereItBelongs()
    {
        float[] sound = new float[16000];
        DrawnSound[] sounds = [.. Enumerable.Range(1, 3).Select(i => new DrawnSound(sound, [Flat(10 * i), Flat((10 * i) + 1)]))];
        ImageBuffer sheet = SoundSheet.Draw(sounds, across: 2);
        // Two rows of twice three cells of 32 pixels and gaps of 2.
        Assert.Equal((2 + (6 * 34), 2 + (2 * 34)), (sheet.Width, sheet.Height));
        Assert.Equal((10, 11), (At(sheet, 1, 0), At(sheet, 2, 0)));
        Assert.Equal((20, 21), (At(sheet, 1, 1), At(sheet, 2, 1)));
        Assert.Equal((30, 31), (At(sheet, 4, 0), At(sheet, 5, 0)));
        Assert.Equal(255, At(sheet, 4, 1));
    }

    private static ImageBuffer Flat(int value) => new(32, 32, [.. Enumerable.Repeat((byte)value, 3 * 32 * 32)]);

    private static int At(ImageBuffer sheet, int column, int row) => sheet.Row((row * 34) + 18)[3 * ((column * 34) + 18)];
}
