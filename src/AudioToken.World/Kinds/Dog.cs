using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A dog: barks, whose pitch leaps and falls through the formants of a throat; sitting dogs.</summary>
internal sealed class Dog : WorldKind
{
    public override string Name => "dog";

    public override IReadOnlyList<Look> Looks { get; } = [new("brown", 0x9A6238), new("black", 0x3B3A40), new("white", 0xEFE9DF), new("golden", 0xDDA64E)];

    public override int MostOfThem => 3;

    internal override void Sound(Track track, Draws draws)
    {
        double size = draws.Unit(); // 0 a lapdog, 1 a hound
        double pitch = 620 - 400 * size, formant = 1500 - 750 * size, last = 0.1 + 0.14 * size;
        for (double at = draws.Between(0.05, 1); at < track.Seconds; at += draws.Between(0.5, 1.8))
        {
            int barks = draws.Whole(1, 4);
            double gap = draws.Between(0.12, 0.35);
            for (int i = 0; i < barks; i++)
            {
                track.Add(at, Bark(draws, pitch * draws.Between(0.9, 1.12), formant * draws.Between(0.92, 1.08), last * draws.Between(0.8, 1.3)), draws.Between(0.6, 1));
                at += last + gap * draws.Between(0.8, 1.2);
            }
        }

        track.Echo(draws, draws.Between(0.05, 0.16), draws.Between(0, 0.3));
    }

    private static double[] Bark(Draws draws, double pitch, double formant, double seconds)
    {
        double leap = draws.Between(0.3, 0.7), rough = draws.Between(0.15, 0.45);
        double[] throat = Voice.Harmonics(seconds, part => pitch * (1 + leap * Voice.Hill(part, 0.25)), 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.3, 0.3, 0.2, 0.2);
        double[] breath = Noise.Band(draws, throat.Length, 300, 5000);
        for (int n = 0; n < throat.Length; n++)
            throat[n] = throat[n] * (1 - rough) + breath[n] * 3 * rough;
        double[] first = Filter.Resonate(throat, formant * 0.6, 3), second = Filter.Resonate(throat, formant * 1.6, 4);
        for (int n = 0; n < throat.Length; n++)
            throat[n] = 0.25 * throat[n] + first[n] + 0.8 * second[n];
        return Filter.Level(Voice.Shape(throat, part => Voice.Hill(part, 0.15)), 0.35);
    }

    internal override void Subject(Stage stage)
    {
        foreach (Pen pen in stage.Subjects(0.92, 0.56))
            Sitting(stage, pen);
    }

    private static void Sitting(Stage stage, Pen pen)
    {
        Colour coat = stage.Vary(stage.Look, 0.03), shade = coat.Darker(0.2), chest = coat.Mix(0xFFF4E2, 0.55), ear = coat.Darker(0.38);
        pen.Ellipse(Colour.Black.Alpha(0.2), -0.05, 0, 0.48, 0.07);
        pen.Taper(shade, 0.11, 0.05, -0.34, -0.1, -0.56, -0.22, -0.6, -0.5 - stage.Draws.Between(0, 0.1));
        pen.Blob(coat, -0.42, -0.02, -0.44, -0.3, -0.24, -0.58, 0.02, -0.84, 0.26, -0.76, 0.26, -0.3, 0.2, -0.02);
        pen.Blob(chest, 0.04, -0.26, 0.08, -0.66, 0.24, -0.72, 0.27, -0.32, 0.18, -0.14);
        pen.Blob(shade, -0.44, 0, -0.42, -0.26, -0.2, -0.34, -0.04, -0.14, 0, 0.01);
        pen.Line(coat, 0.12, 0.16, -0.5, 0.17, -0.05);
        pen.Ellipse(coat, 0.22, -0.03, 0.11, 0.055);
        pen.Ellipse(shade, 0, -0.02, 0.13, 0.055);
        pen.Blob(coat, -0.08, -1.02, 0.1, -1.22, 0.34, -1.18, 0.42, -1.0, 0.34, -0.8, 0.08, -0.76);
        pen.Blob(chest, 0.28, -0.98, 0.5, -0.98, 0.58, -0.88, 0.5, -0.79, 0.28, -0.78);
        pen.Ellipse(Colour.Hex(0x1E1B1C), 0.57, -0.94, 0.06, 0.048);
        pen.Curve(Colour.Hex(0x4A2A24), 0.02, 0.32, -0.82, 0.44, -0.8, 0.54, -0.86);
        pen.Blob(Colour.Hex(0xE87C84), 0.42, -0.81, 0.5, -0.81, 0.5, -0.7, 0.43, -0.69);
        pen.Blob(ear, -0.06, -1.12, 0.06, -1.2, 0.1, -0.98, 0.04, -0.74, -0.1, -0.78, -0.14, -0.98);
        pen.Disc(Colour.White, 0.28, -1.06, 0.055);
        pen.Disc(Colour.Hex(0x17120F), 0.295, -1.06, 0.04);
        pen.Line(Colour.Hex(0xD63B3B), 0.06, -0.02, -0.78, 0.14, -0.73, 0.27, -0.75);
    }
}
