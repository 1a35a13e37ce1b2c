using System.CommandLine;
using System.Security.Cryptography;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>A sound to its audio token.</summary>
internal sealed class EncodeCommand
{
    private readonly Terminal _terminal;
    private readonly SoundOptions _sound;
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly OutputOptions _output = new("safetensors file with audio_token [1, Dt]", ".safetensors", "rain.token.safetensors");
    private readonly MessageOptions _messages = new();

    private EncodeCommand(Terminal terminal) =>
        (_terminal, _sound, _model, _device) = (terminal, new SoundOptions(terminal), new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        EncodeCommand self = new(terminal);
        Command command = new("encode", "turn a sound into its audio token, a file that 'generate --token' takes");
        self._sound.AddTo(command);
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
        OutputPlan plan = _output.Plan(parsed, sound.Stem + ".token");
        using ModelLoading loading = _model.Load(parsed, device);
        ModelFiles files = await loading.OpenedAsync(cancellation).ConfigureAwait(false);
        ModelOptions.Tell(files, messages);

        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        float[] token = await pipeline.EncodeAsync(sound.Samples, cancellation).ConfigureAwait(false);
        string hash = files.ContentHash;
        string path = plan.Claim(0);
        TokenFile.Save(path, token, sound, files.Name, hash);
        messages.Note($"wrote {path} (audio_token [1, {token.Length}])");
        if (_messages.Json(parsed))
        {
            JsonLine.Write(_terminal.Output, json =>
            {
                json.WriteStartArray("outputs");
                json.WriteStartObject();
                json.WriteString("path", path);
                json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
                json.WriteNumber("width", token.Length);
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteString("model", files.Name);
                json.WriteString("model_sha256", hash);
                json.WriteString("sound", sound.Name);
                json.WriteString("sound_sha256", sound.Hash);
                json.WriteString("device", device.Name);
                json.WriteStartArray("warnings");
                foreach (string warning in messages.Warnings)
                    json.WriteStringValue(warning);
                json.WriteEndArray();
            });
        }

        return ExitCode.Done;
    }
}
