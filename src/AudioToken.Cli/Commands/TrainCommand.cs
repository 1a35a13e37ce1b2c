using System.CommandLine;
using System.Globalization;
using AudioToken.Audio;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Adapters;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>Trains the embedder, and a LoRA if wanted, on sounds with pictures.</summary>
internal sealed class TrainCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _data = new("DATA")
    {
        Description = "folder of NAME.wav beside NAME.png or NAME.jpg; folder with audio/ and frames/ or video/ (VGGSound); or a manifest.jsonl",
    };

    private readonly Option<string> _out = new("--out", "-o") { Description = "folder for checkpoints, log and result", HelpName = "DIR", Required = true };
    private readonly Option<bool> _resume = new("--resume") { Description = "go on from the last checkpoint in --out, to the bit as if it had never stopped" };
    private readonly Option<long?> _steps = Checked.Number("--steps", [], "updates in all (default 60000)", 1L, 1_000_000_000L);
    private readonly Option<int?> _batch = Checked.Number("--batch", [], "samples of a micro-batch (default 4)", 1, 4096);
    private readonly Option<int?> _accumulate = Checked.Number("--accumulate", [], "micro-batches of an update (default 1)", 1, 4096);
    private readonly Option<double?> _rate = Checked.Number("--lr", [], "learning rate (default 1e-5 times --batch times --accumulate, as the original)", 1e-12, 1.0, "X");
    private readonly Option<string?> _shape = Checked.Word("--schedule", [], "learning rate after the warm-up (default constant)", "constant", "cosine", "linear");
    private readonly Option<long?> _warmup = Checked.Number("--warmup", [], "updates of linear warm-up (default 0)", 0L, 1_000_000_000L);
    private readonly Option<double?> _clip = Checked.Number("--clip", [], "longest gradient (default: no limit)", 1e-6, 1e6, "X");
    private readonly Option<double?> _decay = Checked.Number("--weight-decay", [], "AdamW's (default 0.01)", 0.0, 1.0, "X");
    private readonly Option<double?> _l1 = Checked.Number("--l1", [], "factor of the token's mean magnitude (default 0.01)", 0.0, 1e3, "X");
    private readonly Option<double?> _l2 = Checked.Number("--l2", [], "factor of the token's mean squared length (default 0)", 0.0, 1e3, "X");
    private readonly Option<double?> _labelTerm = Checked.Number("--label-loss", [], "factor of what draws the token to its label's embedding (default 0; the original's is 0.01)", 0.0, 1e3, "X");
    private readonly Option<string?> _labels = new("--labels") { Description = "VGGSound's table of labels and sets; samples that are not in it are left out", HelpName = "CSV" };
    private readonly Option<string?> _set = new("--set") { Description = "the set of that table (default train)", HelpName = "NAME" };
    private readonly Option<string[]> _without = new("--without") { Description = "file of ids, one a line, to leave out; may be given again", HelpName = "FILE" };
    private readonly Option<string?> _ffmpeg = new("--ffmpeg") { Description = "program that takes frames out of videos (default ffmpeg)", HelpName = "PATH" };
    private readonly Option<int?> _rank = Checked.Number("--lora-rank", [], "train a LoRA of this rank too (default 0: none; the original's is 4)", 0, 1024);
    private readonly Option<string?> _targets = new("--lora-targets") { Description = "projections that the LoRA changes, of q,k,v,out (default all)", HelpName = "LIST" };
    private readonly Option<ulong?> _seed = Checked.Number("--seed", ["-s"], "seed of everything drawn (default 0)", 0UL, ulong.MaxValue);
    private readonly Option<int?> _width = Checked.Number("--width", [], "width of the pictures (default 512, or the model's own if smaller)", 64, 2048);
    private readonly Option<int?> _height = Checked.Number("--height", [], "height of the pictures (default 320, or the model's own if smaller)", 64, 2048);
    private readonly Option<int?> _window = Checked.Number("--window", [], "seconds of sound of a sample (default 5)", 1, 9, "S");
    private readonly Option<long?> _save = Checked.Number("--save-every", [], "updates between two checkpoints (default 1000)", 1L, 1_000_000_000L);
    private readonly Option<long?> _sample = Checked.Number(
        "--sample-every", [], "updates between two times that the first sounds are drawn into samples/; needs room for a second copy of the model (default: never)", 1L, 1_000_000_000L);
    private readonly Option<double?> _bad = Checked.Number("--bad-samples", [], "share of samples that may be unreadable (default 0.1)", 0.0, 1.0, "X");
    private readonly Option<string?> _prompt = new("--prompt") { Description = "the prompt in training (default 'a photo of <*>')", HelpName = "TEXT" };
    private readonly Option<bool> _noDropout = new("--no-dropout") { Description = "train without the embedder's dropout" };
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private TrainCommand(Terminal terminal)
    {
        _terminal = terminal;
        _model = new ModelOptions(terminal);
        _device = new DeviceOptions(terminal);
    }

    public static Command Create(Terminal terminal)
    {
        TrainCommand self = new(terminal);
        Command command = new("train", "train the embedder (and a LoRA) so that a frozen model draws what is heard") { self._data };
        foreach (Option option in (Option[])
            [
                self._out, self._resume, self._steps, self._batch, self._accumulate, self._rate, self._shape, self._warmup, self._clip, self._decay, self._l1, self._l2,
                self._labelTerm, self._labels, self._set, self._without, self._ffmpeg,
                self._rank, self._targets, self._seed, self._width, self._height, self._window, self._save, self._sample, self._bad, self._prompt, self._noDropout,
            ])
        {
            command.Options.Add(option);
        }

        self._model.AddTo(command);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation) => Task.Run(() => Run(parsed, cancellation), CancellationToken.None);

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        ComputeDevice device = _device.Choose(parsed, messages);
        using ModelFiles files = _model.Open(parsed);
        ModelOptions.Tell(files, messages);
        AdapterRunOptions options = Options(parsed, device) with { DrawSamples = moment => DrawSamples(parsed, device, moment, cancellation) };
        using IGradientOps ops = device.OpenForTraining();
        AdapterRun.Run(files, ops, options, messages.Note, new Told(messages), cancellation);
        messages.Note($"wrote {string.Join(" and ", AdapterRun.Results(options))}");
        if (_messages.Json(parsed))
            JsonLine.Write(_terminal.Output, json => JsonLine.WriteOutputs(json, AdapterRun.Results(options)));
        return ExitCode.Done;
    }

    private AdapterRunOptions Options(ParseResult parsed, ComputeDevice device)
    {
        (int batch, int accumulate) = (parsed.GetValue(_batch) ?? 4, parsed.GetValue(_accumulate) ?? 1);
        long steps = parsed.GetValue(_steps) ?? 60000;
        LearningRateShape shape = parsed.GetValue(_shape) switch { "cosine" => LearningRateShape.Cosine, "linear" => LearningRateShape.Linear, _ => LearningRateShape.Constant };
        return new AdapterRunOptions
        {
            Data = parsed.GetRequiredValue(_data),
            Folder = parsed.GetRequiredValue(_out),
            Resume = parsed.GetValue(_resume),
            BeginFresh = !_model.NamesEmbedder(parsed),
            Adapters = new AdapterSettings
            {
                LoraRank = parsed.GetValue(_rank) ?? 0,
                LoraTargets = Targets(parsed),
                MagnitudePenalty = parsed.GetValue(_l1) ?? 0.01,
                LengthPenalty = parsed.GetValue(_l2) ?? 0,
                LabelPenalty = parsed.GetValue(_labelTerm) ?? 0,
                Prompt = parsed.GetValue(_prompt) ?? new AdapterSettings().Prompt,
                Seed = parsed.GetValue(_seed) ?? 0,
            },
            Run = new RunSettings
            {
                Updates = steps,
                LearningRate = new LearningRate(parsed.GetValue(_rate) ?? (1e-5 * batch * accumulate), shape, parsed.GetValue(_warmup) ?? 0, steps),
                Optimiser = new AdamWSettings { WeightDecay = parsed.GetValue(_decay) ?? 0.01 },
                ClipNorm = parsed.GetValue(_clip) ?? double.PositiveInfinity,
                SaveEvery = parsed.GetValue(_save) ?? 1000,
                ScalesLoss = device.ScalesLoss,
            },
            Batch = batch,
            Accumulation = accumulate,
            Width = parsed.GetValue(_width),
            Height = parsed.GetValue(_height),
            WindowSeconds = parsed.GetValue(_window) ?? 5,
            Dropout = !parsed.GetValue(_noDropout),
            SampleEvery = parsed.GetValue(_sample) ?? 0,
            Labels = parsed.GetValue(_labels),
            Set = parsed.GetValue(_set) ?? "train",
            Without = parsed.GetValue(_without) ?? [],
            Ffmpeg = parsed.GetValue(_ffmpeg) ?? "ffmpeg",
            MostBadSamples = parsed.GetValue(_bad) ?? 0.1,
        };
    }

    private void DrawSamples(ParseResult parsed, ComputeDevice device, SampleMoment moment, CancellationToken cancellation)
    {
        using ModelFiles files = _model.Open(parsed, moment.Embedder, moment.Lora);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, device.Open(), _model.LoadOptions(parsed) with { HashModel = false });
        for (int i = 0; i < moment.Sounds.Count; i++)
        {
            GenerationResult drawn = pipeline.Generate(
                new GenerationRequest
                {
                    Samples = AudioClip.Load(moment.Sounds[i], cancellation: cancellation).Samples,
                    Prompt = parsed.GetValue(_prompt) ?? new AdapterSettings().Prompt,
                    Sampler = SamplerKind.DpmSolverPlusPlus2M,
                    Steps = 20,
                    Width = moment.Width,
                    Height = moment.Height,
                    Seed = parsed.GetValue(_seed) ?? 0,
                },
                cancellation: cancellation);
            new WrittenPicture(drawn.Images[0], drawn.Images[0].Parameters.ToPngTexts()).Save(
                Path.Combine(moment.Folder, string.Create(CultureInfo.InvariantCulture, $"update-{moment.Update:D8}-{i + 1}.png")));
        }
    }

    private LowRankTargets Targets(ParseResult parsed)
    {
        if (parsed.GetValue(_targets) is not { } list)
            return LowRankTargets.All;
        LowRankTargets targets = 0;
        foreach (string word in list.Split(',', StringSplitOptions.TrimEntries))
        {
            targets |= word switch
            {
                "q" => LowRankTargets.Query,
                "k" => LowRankTargets.Key,
                "v" => LowRankTargets.Value,
                "out" => LowRankTargets.Output,
                _ => throw new AudioTokenException(ErrorCode.Usage, $"--lora-targets holds '{word}', wanted some of q,k,v,out with commas between", "--lora-targets q,v"),
            };
        }

        return targets;
    }

    /// <summary>Tells now and then: often at the beginning, then every half minute.</summary>
    internal sealed class Told(Messages messages) : IProgress<RunProgress>
    {
        private long _next;

        public void Report(RunProgress value)
        {
            if (Environment.TickCount64 < _next && value.Update != value.Of)
                return;
            _next = Environment.TickCount64 + (value.Update < 20 ? 2000 : 30_000);
            messages.Note(string.Create(
                CultureInfo.InvariantCulture,
                $"update {value.Update} of {value.Of}: loss {value.Loss:f4}, average {value.AverageLoss:f4}, lr {value.LearningRate:g3}, {value.SecondsPerUpdate:f2} s/update, {Text(value.Left)} left"));
        }

        private static string Text(TimeSpan left) => left.ToString(left.Days > 0 ? @"d\.hh\:mm\:ss" : @"h\:mm\:ss", CultureInfo.InvariantCulture);
    }
}
