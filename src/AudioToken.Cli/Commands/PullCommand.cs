using System.CommandLine;
using System.Globalization;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Tensors;
using AudioToken.WeightsConverter.Hub;

namespace AudioToken.Cli.Commands;

/// <summary>A repository of the HuggingFace hub into the cache on this machine.</summary>
internal sealed class PullCommand
{
    private const string Offline = "HF_HUB_OFFLINE";

    private static readonly string[] s_yes = ["1", "ON", "YES", "TRUE"]; // as huggingface_hub reads it

    private readonly Terminal _terminal;
    private readonly Argument<string> _id = new("REPOSITORY") { Description = "org/name or org/name@revision" };
    private readonly Option<string?> _variant = new("--variant") { Description = "variant of the weights to prefer, e.g. fp16", HelpName = "NAME" };
    private readonly Option<bool> _all = new("--all") { Description = "every file of the repository, not only what 'convert' reads" };
    private readonly MessageOptions _messages = new();

    private PullCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        PullCommand self = new(terminal);
        Command command = new("pull", "download a model from the HuggingFace hub into the cache that 'convert --model org/name' reads [HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE]");
        command.Arguments.Add(self._id);
        command.Options.Add(self._variant);
        command.Options.Add(self._all);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        HubId id = HubId.Parse(Operand.Check(parsed, parsed.GetRequiredValue(_id), "repository"));
        if (_terminal.Set(Offline) is { } offline && s_yes.Contains(offline.ToUpperInvariant()))
            throw new AudioTokenException(ErrorCode.Usage, $"{Offline} is '{offline}', so no connection is opened", $"{Offline}=0 audiotoken pull {id}");
        using HubClient client = HubClient.FromEnvironment(_terminal.Variable);
        HubPull pull = new(HubCache.FromEnvironment(_terminal.Variable), client);
        (string folder, int files) = ("", 0);
        await ProgressBar.RunAsync(_terminal, messages, async (IProgress<BarState>? bar) =>
            (folder, files) = await pull.RunAsync(id, parsed.GetValue(_variant), parsed.GetValue(_all), bar is null ? null : new Receiving(bar), cancellation).ConfigureAwait(false)).ConfigureAwait(false);
        messages.Note($"{id}: {files} files in {folder}");
        if (_messages.Json(parsed))
        {
            JsonLine.Write(_terminal.Output, json =>
            {
                json.WriteString("repository", id.Repository);
                json.WriteString("revision", id.Revision);
                json.WriteString("folder", folder);
                json.WriteNumber("files", files);
            });
        }

        return ExitCode.Done;
    }

    private sealed class Receiving(IProgress<BarState> bar) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => bar.Report(new BarState(
            string.Create(CultureInfo.InvariantCulture, $"{value.Index + 1}/{value.Files} {value.File}"), value.Received, Math.Max(value.Length, 0)));
    }
}
