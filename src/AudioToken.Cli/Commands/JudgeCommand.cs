using System.CommandLine;
using System.Globalization;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.World;
using AudioToken.World.Classifiers;

namespace AudioToken.Cli.Commands;

/// <summary>Tells how often a model draws the scene of a sound of the small world that it has never heard.</summary>
internal sealed class JudgeCommand
{
    private readonly Terminal _terminal;
    private readonly Option<int?> _count = Checked.Number("--count", [], "pictures to draw of held-out sounds (default 600)", 1, 1_000_000);
    private readonly Option<int?> _wrong = Checked.Number("--wrong", [], "pictures to draw of wrong sounds, for comparison (default 160)", 0, 1_000_000);
    private readonly Option<int?> _steps = Checked.Number("--steps", [], "sampler steps (default 20)", 1, 1000);
    private readonly Option<float?> _guidance = Checked.Number("--cfg-scale", [], "strength of the guidance (default 3)", 0f, 100f, "X");
    private readonly Option<ulong?> _seed = Checked.Number("--seed", ["-s"], "first seed of the noise (default 0)", 0UL, ulong.MaxValue - 10_000_000);
    private readonly Option<string?> _prompt = new("--prompt") { Description = "the prompt (default 'a photo of <*>')", HelpName = "TEXT" };
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private JudgeCommand(Terminal terminal)
    {
        _terminal = terminal;
        _model = new ModelOptions(terminal);
        _device = new DeviceOptions(terminal);
    }

    public static Command Create(Terminal terminal)
    {
        JudgeCommand self = new(terminal);
        Command command = new("judge", "have a classifier of the small world name what a model draws of sounds it has never heard");
        foreach (Option option in (Option[])[self._count, self._wrong, self._steps, self._guidance, self._seed, self._prompt])
            command.Options.Add(option);
        self._model.AddTo(command);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        CheckCount("--count", parsed.GetValue(_count));
        CheckCount("--wrong", parsed.GetValue(_wrong));
        Messages messages = _messages.Messages(parsed, _terminal);
        ComputeDevice device = _device.Choose(parsed, messages);
        using ModelLoading loading = _model.Load(parsed, device);
        ModelOptions.Tell(await loading.OpenedAsync(cancellation).ConfigureAwait(false), messages);
        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        JudgementSettings usual = new(), settings = new()
        {
            Pictures = parsed.GetValue(_count) ?? usual.Pictures,
            WrongPictures = parsed.GetValue(_wrong) ?? usual.WrongPictures,
            Steps = parsed.GetValue(_steps) ?? usual.Steps,
            Guidance = parsed.GetValue(_guidance) ?? usual.Guidance,
            Seed = parsed.GetValue(_seed) ?? 0,
            Prompt = parsed.GetValue(_prompt) ?? usual.Prompt,
        };
        ModelJudgement judgement = await Task.Run(
            () => ModelJudgement.Run(pipeline, settings, new WorldCommand.Tenths(messages, "pictures"), cancellation), cancellation).ConfigureAwait(false);
        Report(judgement, _messages.Json(parsed));
        return ExitCode.Done;
    }

    // Kinds take turns: of fewer pictures some kinds have none, and a share of rightly named ones would be that of the others.
    private static void CheckCount(string option, int? count)
    {
        int kinds = WorldKinds.All.Count;
        if (count is > 0 && count < kinds)
        {
            throw new AudioTokenException(
                ErrorCode.Range, $"{option} is '{count}', wanted at least {kinds}: with fewer pictures than kinds some kind has none, and the share says nothing of it", $"{option} {kinds}");
        }
    }

    private void Report(ModelJudgement judgement, bool json)
    {
        if (json)
        {
            JsonLine.Write(_terminal.Output, writer =>
            {
                writer.WriteNumber("pictures", judgement.Right.Total);
                writer.WriteNumber("right", judgement.Right.Accuracy);
                writer.WriteNumber("wrong_sound_pictures", judgement.Wrong.Total);
                if (judgement.Wrong.Total > 0)
                    writer.WriteNumber("wrong_sound", judgement.Wrong.Accuracy);
                else
                    writer.WriteNull("wrong_sound");
            });
            return;
        }

        double chance = 1.0 / WorldKinds.All.Count;
        foreach ((string name, ConfusionMatrix matrix) in ((string, ConfusionMatrix)[])[("pictures of held-out sounds", judgement.Right), ("pictures of wrong sounds", judgement.Wrong)])
        {
            if (matrix.Total > 0)
                _terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {matrix.Right} of {matrix.Total} named rightly ({matrix.Accuracy:P1}; chance {chance:P1})\n{matrix}\n"));
        }
    }
}
