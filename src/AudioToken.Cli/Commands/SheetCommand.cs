using System.CommandLine;
using AudioToken.Audio;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Pipelines.Imaging;
using AudioToken.World;
using AudioToken.World.Classifiers;

namespace AudioToken.Cli.Commands;

/// <summary>Draws one picture of what a model makes of several sounds: waveform, spectrogram, and a picture for each of a few seeds.</summary>
internal sealed class SheetCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _sounds = new("SOUND")
    {
        Description = "sound files; without any, one sound of each kind of the small world that no model was trained on",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string> _output = new("--output", "-o") { Description = "PNG to write; one that exists is replaced", HelpName = "FILE", Required = true };
    private readonly Option<int?> _count = Checked.Number("--count", ["-b"], "pictures of each sound (default 3)", 1, 16);
    private readonly Option<int?> _across = Checked.Number("--across", [], "sounds that stand side by side (default 2)", 1, 16);
    private readonly Option<int?> _steps = Checked.Number("--steps", [], "sampler steps (default 20)", 1, 1000);
    private readonly Option<float?> _guidance = Checked.Number("--cfg-scale", [], "strength of the guidance (default 3)", 0f, 100f, "X");
    private readonly Option<ulong?> _seed = Checked.Number("--seed", ["-s"], "seed of the first picture of each sound, and of the small world's sounds (default 0)", 0UL, 1UL << 60);
    private readonly Option<string?> _prompt = new("--prompt", "-p") { Description = "the prompt (default 'a photo of <*>')", HelpName = "TEXT" };
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private SheetCommand(Terminal terminal)
    {
        _terminal = terminal;
        _model = new ModelOptions(terminal);
        _device = new DeviceOptions(terminal);
    }

    public static Command Create(Terminal terminal)
    {
        SheetCommand self = new(terminal);
        Command command = new("sheet", "draw one picture of what a model makes of several sounds") { self._sounds };
        foreach (Option option in (Option[])[self._output, self._count, self._across, self._steps, self._guidance, self._seed, self._prompt])
            command.Options.Add(option);
        self._model.AddTo(command);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        string output = parsed.GetRequiredValue(_output);
        WritableFolder.Check(output);
        IReadOnlyList<(string Name, float[] Samples)> sounds = Sounds(parsed, cancellation);
        ComputeDevice device = _device.Choose(parsed, messages);
        using ModelLoading loading = _model.Load(parsed, device);
        ModelOptions.Tell(await loading.OpenedAsync(cancellation).ConfigureAwait(false), messages);
        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        JudgementSettings usual = new(); // pictures as they are judged
        List<DrawnSound> drawn = [];
        foreach ((string name, float[] samples) in sounds)
        {
            messages.Note(name);
            GenerationRequest request = new()
            {
                Samples = samples,
                Prompt = parsed.GetValue(_prompt) ?? usual.Prompt,
                Sampler = usual.Sampler,
                Steps = parsed.GetValue(_steps) ?? usual.Steps,
                GuidanceScale = parsed.GetValue(_guidance) ?? usual.Guidance,
                Seed = parsed.GetValue(_seed) ?? 0,
                Count = parsed.GetValue(_count) ?? 3,
            };
            GenerationResult result = await pipeline.GenerateAsync(request, cancellation: cancellation).ConfigureAwait(false);
            drawn.Add(new DrawnSound(samples, [.. result.Images.Select(image => image.Pixels)]));
        }

        PngWriter.Save(output, SoundSheet.Draw(drawn, parsed.GetValue(_across) ?? 2));
        messages.Note($"wrote {output} ({string.Join(", ", sounds.Select(sound => sound.Name))})");
        if (_messages.Json(parsed))
            JsonLine.Write(_terminal.Output, json => JsonLine.WriteOutputs(json, output));
        return ExitCode.Done;
    }

    private IReadOnlyList<(string Name, float[] Samples)> Sounds(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(_sounds) is { Length: > 0 } paths)
            return [.. paths.Select(path => (path, AudioClip.Load(path, cancellation: cancellation).Samples.ToArray()))];
        ulong seed = WorldSeeds.Of(WorldSplit.HeldOut, parsed.GetValue(_seed) ?? 0);
        return [.. WorldKinds.All.Select(kind => (kind.Name, new WorldSample(kind, seed).Sound(WindowPolicy.Seconds)))];
    }
}
