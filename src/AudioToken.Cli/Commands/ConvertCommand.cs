using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using AudioToken.Backends.Cpu;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.Hub;

namespace AudioToken.Cli.Commands;

/// <summary>Any copy of the weights to one bundle.</summary>
internal sealed class ConvertCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "a folder in diffusers' layout, a single-file checkpoint, a bundle, or org/name[@revision] in the HuggingFace cache",
        HelpName = "DIR|FILE|org/name",
    };

    private readonly Option<string?> _beats = new("--beats") { Description = "BEATs, as published (.pt) or as safetensors, or a bundle that has it", HelpName = "FILE" };
    private readonly Option<string?> _embedder = new("--embedder") { Description = "the embedder, as AudioToken's training writes it (.bin) or as safetensors", HelpName = "FILE" };
    private readonly Option<string?> _lora = new("--lora") { Description = "a LoRA: kept beside the weights, or merged into them at SCALE", HelpName = "FILE[:SCALE]" };
    private readonly Option<string?> _vae = new("--vae") { Description = "a VAE in place of the model's own", HelpName = "DIR|FILE" };
    private readonly Option<string?> _config = new("--config") { Description = "a folder in diffusers' layout whose configurations, scheduler and tokenizer are taken where the weights come without", HelpName = "DIR|org/name" };
    private readonly Option<string?> _dtype = Checked.Word("--dtype", [], "type of the weights in the bundle (default keep)", "keep", "f32", "f16", "bf16");
    private readonly Option<string?> _variant = new("--variant") { Description = "variant of a folder's weights to prefer, e.g. fp16", HelpName = "NAME" };
    private readonly Option<string?> _prediction = Checked.Word("--prediction-type", [], "what the UNet predicts, where no scheduler's configuration says it (default epsilon)", "epsilon", "v_prediction");
    private readonly Option<bool> _ema = new("--ema") { Description = "take the averaged weights (EMA) of a single-file checkpoint" };
    private readonly Option<bool> _nonFinite = new("--allow-nonfinite") { Description = "copy weights that are NaN or infinite instead of refusing them" };
    private readonly OutputOptions _output = new("the bundle", ".safetensors", "model.safetensors");
    private readonly MessageOptions _messages = new();

    private ConvertCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        ConvertCommand self = new(terminal);
        Command command = new("convert", "put any copy of the weights into one bundle that 'generate' loads; parts may be converted alone and joined later");
        foreach (Option option in (Option[])[self._model, self._beats, self._embedder, self._lora, self._vae, self._config, self._dtype, self._variant, self._prediction, self._ema, self._nonFinite])
            command.Options.Add(option);
        self._output.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        if (_output.ToStandardOutput(parsed))
            throw new AudioTokenException(ErrorCode.Usage, "a bundle is written to a file, not to standard output", "-o model.safetensors");
        using GatheredModel model = await Task.Run(() => GatheredModel.Open(Request(parsed), HubCache.FromEnvironment(_terminal.Variable)), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
        foreach (string note in model.Notes)
            messages.Warn(note);
        ModelComponent[] components = [.. model.Components];
        if (components.Length == 0)
            throw new AudioTokenException(ErrorCode.NoModel, $"{model.Name} has no weights in any of the places where a model keeps them: there is nothing to convert", $"audiotoken inspect '{parsed.GetValue(_model)}'");
        ModelComponent[] missing = [.. Enum.GetValues<ModelComponent>().Where(component => component != ModelComponent.Lora && !components.Contains(component))];
        if (components.Contains(ModelComponent.Text) && model.FindTokenizerFile("merges.txt") is null)
        {
            throw new AudioTokenException(
                ErrorCode.NoModel,
                $"{model.Name} has no tokenizer: {(model.IsSingleFile ? "single files come without one" : "its file 'merges.txt' is missing")}",
                "--config FOLDER, any Stable Diffusion of the same family in diffusers' layout");
        }

        OutputPlan plan = _output.Plan(parsed, "model");
        using (CpuOps ops = new(new CpuOptions { Threads = 1 }))
            await Task.Run(() => ModelCheck.Run(model, ops), cancellation).ConfigureAwait(false); // before gigabytes are copied
        BundleBuilder builder = new()
        {
            Policy = Policy(parsed.GetValue(_dtype)), AllowMissing = missing.Length > 0, AllowNonFinite = parsed.GetValue(_nonFinite), Notes = model.Notes,
        };
        string path = plan.Claim(0);
        await ProgressBar.RunAsync(_terminal, messages, (IProgress<BarState>? bar) => Task.Run(
            () => builder.Build(model, path, bar is null ? null : new Building(bar), cancellation), CancellationToken.None)).ConfigureAwait(false);
        messages.Note($"wrote {path} ({string.Join(", ", components)})");
        if (missing.Length > 0)
            messages.Note($"{string.Join(", ", missing)} not among them: 'convert' joins this with others, 'generate' wants all");
        if (_messages.Json(parsed))
            Tell(path, components, missing, messages);
        return ExitCode.Done;
    }

    private ModelRequest Request(ParseResult parsed)
    {
        (string? lora, float? scale) = SplitLora(parsed.GetValue(_lora));
        return new ModelRequest
        {
            Model = parsed.GetValue(_model),
            Beats = parsed.GetValue(_beats),
            Embedder = parsed.GetValue(_embedder),
            Vae = parsed.GetValue(_vae),
            Lora = lora,
            LoraScale = scale,
            Config = parsed.GetValue(_config),
            Prediction = parsed.GetValue(_prediction),
            Variant = parsed.GetValue(_variant),
            Averaged = parsed.GetValue(_ema),
        };
    }

    // A name may hold a colon itself: what follows the last one is a scale only if it is a number.
    private static (string? Path, float? Scale) SplitLora(string? text)
    {
        int colon = text is null ? -1 : text.LastIndexOf(':');
        return colon > 0 && float.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out float scale)
            ? float.IsFinite(scale) ? (text![..colon], scale) : throw new AudioTokenException(ErrorCode.Range, $"--lora is '{text}', wanted a finite scale after the colon", "--lora FILE:1")
            : (text, null);
    }

    private static DTypePolicy Policy(string? dtype) => dtype switch
    {
        "f32" => DTypePolicy.F32,
        "f16" => DTypePolicy.F16,
        "bf16" => DTypePolicy.BF16,
        _ => DTypePolicy.Keep,
    };

    private void Tell(string path, ModelComponent[] components, ModelComponent[] missing, Messages messages)
    {
        using FileStream stream = File.OpenRead(path);
        string hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        JsonLine.Write(_terminal.Output, json =>
        {
            json.WriteStartArray("outputs");
            json.WriteStartObject();
            json.WriteString("path", path);
            json.WriteNumber("bytes", stream.Length);
            json.WriteString("sha256", hash);
            json.WriteEndObject();
            json.WriteEndArray();
            foreach ((string key, ModelComponent[] these) in (ReadOnlySpan<(string, ModelComponent[])>)[("components", components), ("missing", missing)])
            {
                json.WriteStartArray(key);
                foreach (ModelComponent component in these)
                    json.WriteStringValue(BundleFormat.Prefix(component)[..^1]);
                json.WriteEndArray();
            }

            json.WriteStartArray("warnings");
            foreach (string warning in messages.Warnings)
                json.WriteStringValue(warning);
            json.WriteEndArray();
        });
    }

    private sealed class Building(IProgress<BarState> bar) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => bar.Report(new BarState(value.Text, value.Written, value.Total));
    }
}
