using System.CommandLine;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>A sound to a textual-inversion embedding: a word for any Stable Diffusion program.</summary>
internal sealed class ExportTokenCommand
{
    private readonly Terminal _terminal;
    private readonly SoundOptions _sound;
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly Option<string?> _name = new("--name") { Description = "what stands for the sound in a prompt, for programs that read it from the file (default <SOUND>, the sound's own name)", HelpName = "WORD" };
    private readonly Option<string?> _layout = Checked.Word("--layout", [], "diffusers (default): the word is the tensor's name; a1111: the tensor is 'emb_params', the word is the file's name", "diffusers", "a1111");
    private readonly OutputOptions _output = new("safetensors file that load_textual_inversion and AUTOMATIC1111's web UI read", ".safetensors", "rain.safetensors");
    private readonly MessageOptions _messages = new();

    private ExportTokenCommand(Terminal terminal) =>
        (_terminal, _sound, _model, _device) = (terminal, new SoundOptions(terminal), new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        ExportTokenCommand self = new(terminal);
        Command command = new("export-token", "turn a sound into a textual-inversion embedding, a word for any Stable Diffusion program");
        self._sound.AddTo(command);
        command.Options.Add(self._name);
        command.Options.Add(self._layout);
        self._model.AddTo(command);
        self._output.AddTo(command);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        ComputeDevice device = _device.Choose(parsed, messages);
        Sound sound = (await _sound.ReadAsync(parsed, messages, cancellation).ConfigureAwait(false))[0];
        string word = parsed.GetValue(_name) ?? $"<{sound.Stem}>";
        if (string.IsNullOrWhiteSpace(word) || word.Any(char.IsControl))
            throw new AudioTokenException(ErrorCode.Usage, "--name is blank or holds control characters", "--name '<rain>'");
        bool a1111 = parsed.GetValue(_layout) == "a1111";
        OutputPlan plan = _output.Plan(parsed, sound.Stem);
        using ModelLoading loading = _model.Load(parsed, device);
        ModelFiles files = await loading.OpenedAsync(cancellation).ConfigureAwait(false);
        ModelOptions.Tell(files, messages);

        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        float[] token = await pipeline.EncodeAsync(sound.Samples, cancellation).ConfigureAwait(false);
        string path = plan.Claim(0);
        TokenFile.SaveEmbedding(path, token, a1111 ? TokenFile.A1111Name : word, sound, files.Name);
        messages.Note($"wrote {path} ([1, {token.Length}], {(a1111 ? $"'{Path.GetFileNameWithoutExtension(path)}'" : word)} in a prompt)");
        if (_messages.Json(parsed))
        {
            JsonLine.Write(_terminal.Output, json =>
            {
                json.WriteStartArray("outputs");
                json.WriteStartObject();
                json.WriteString("path", path);
                json.WriteString("word", a1111 ? Path.GetFileNameWithoutExtension(path) : word);
                json.WriteNumber("width", token.Length);
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteString("model", files.Name);
                json.WriteString("sound", sound.Name);
            });
        }

        return ExitCode.Done;
    }
}
