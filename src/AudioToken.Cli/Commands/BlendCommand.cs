using System.CommandLine;
using System.Globalization;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Tensors;

namespace AudioToken.Cli.Commands;

/// <summary>Two sounds to a sequence of pictures that leads from one to the other.</summary>
internal sealed class BlendCommand
{
    private const int UsualFrames = 8;

    private readonly SoundOptions _sounds;
    private readonly Drawing _drawing;
    private readonly Option<int?> _frames = Checked.Number("--frames", [], $"number of pictures, both ends among them (default {UsualFrames})", 2, 1000);

    private BlendCommand(Terminal terminal) => (_sounds, _drawing) = (new SoundOptions(terminal, most: 2), new Drawing(terminal, "rain-bell.png"));

    public static Command Create(Terminal terminal)
    {
        BlendCommand self = new(terminal);
        Command command = new("blend", "draw the way from one sound to another: the same seed, the audio token turning from the first sound's to the second's");
        self._sounds.AddTo(command);
        command.Options.Add(self._frames);
        self._drawing.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        DrawingJob job = _drawing.Begin(parsed);
        int frames = parsed.GetValue(_frames) ?? UsualFrames;
        if (job.Request.Count != 1)
            throw new AudioTokenException(ErrorCode.Usage, $"-b is {job.Request.Count}, but a blend is one picture a frame, all of one seed", "--frames N");
        _drawing.CheckStandardOutput(parsed, frames);
        IReadOnlyList<Sound> sounds = await _sounds.ReadAsync(parsed, job.Messages, cancellation).ConfigureAwait(false);
        if (sounds is not [Sound from, Sound to])
            throw new AudioTokenException(ErrorCode.Usage, "one sound is given; a blend leads from one to another", "audiotoken blend rain.wav bell.wav");

        job = job with
        {
            Sounds = sounds,
            Plan = _drawing.Plan(parsed, $"{from.Stem}-{to.Stem}", frames),
            Calls = async (pipeline, token) =>
            {
                float[] start = await TokenAsync(pipeline, from, token).ConfigureAwait(false), end = await TokenAsync(pipeline, to, token).ConfigureAwait(false);
                return [.. Enumerable.Range(0, frames).Select(i => job.Request with { Sounds = [Frame(from, start, to, end, (double)i / (frames - 1))] })];
            },
        };
        return await _drawing.RunAsync(parsed, job, cancellation).ConfigureAwait(false);
    }

    private static async Task<float[]> TokenAsync(AudioToImagePipeline pipeline, Sound sound, CancellationToken cancellation)
    {
        float[] token = sound.Token.IsEmpty ? await pipeline.EncodeAsync(sound.Samples, cancellation).ConfigureAwait(false) : sound.Token.ToArray();
        return [.. token.Select(value => value * sound.Weight)];
    }

    private static SoundInput Frame(Sound from, float[] start, Sound to, float[] end, double share) => new()
    {
        Token = TokenPath.Between(start, end, share),
        Name = share == 0 ? from.Name : share == 1 ? to.Name : string.Create(CultureInfo.InvariantCulture, $"{from.Name} {1 - share:0.###}, {to.Name} {share:0.###}"),
        Hash = share == 0 ? from.Hash : share == 1 ? to.Hash : null,
    };
}
