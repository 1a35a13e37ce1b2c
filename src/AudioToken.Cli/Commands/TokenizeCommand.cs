using System.CommandLine;
using AudioToken.Cli.Options;
using AudioToken.Models.Clip;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>Prompts to CLIP's ids, one line a prompt.</summary>
internal sealed class TokenizeCommand
{
    private readonly Terminal _terminal;
    private readonly ModelOptions _model;
    private readonly Option<string?> _tokenizer = new("--tokenizer") { Description = "folder with merges.txt (and vocab.json, …), in place of a model", HelpName = "DIR" };
    private readonly Option<bool> _padded = new("--padded") { Description = "the 77 ids that the text encoder gets: cut, or filled up after the end of text" };
    private readonly Option<bool> _json = new("--json") { Description = "an object {\"ids\": [...]} a prompt, one a line" };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "show the stack trace of an error" };
    private readonly Argument<string[]> _prompts = new("PROMPT") { Description = $"texts; {GenerationRequest.Placeholder} is one token", Arity = ArgumentArity.OneOrMore };

    private TokenizeCommand(Terminal terminal) => (_terminal, _model) = (terminal, new ModelOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        TokenizeCommand self = new(terminal);
        Command command = new("tokenize", "show the token ids of prompts, begin and end of text among them");
        command.Arguments.Add(self._prompts);
        self._model.AddTo(command, parts: false);
        command.Options.Add(self._tokenizer);
        command.Options.Add(self._padded);
        command.Options.Add(self._json);
        command.Options.Add(self._verbose);
        command.SetAction(self.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        ClipTokenizer tokenizer = Load(parsed);
        tokenizer.AddPlaceholder(GenerationRequest.Placeholder);
        foreach (string prompt in parsed.GetRequiredValue(_prompts))
        {
            Operand.Check(parsed, prompt, "prompt");
            IReadOnlyList<int> ids = parsed.GetValue(_padded) ? tokenizer.EncodePadded(prompt).Ids : [tokenizer.BosId, .. tokenizer.Encode(prompt), tokenizer.EosId];
            Write(ids, parsed.GetValue(_json));
        }

        return ExitCode.Done;
    }

    private ClipTokenizer Load(ParseResult parsed)
    {
        if (parsed.GetValue(_tokenizer) is { } folder)
        {
            if (_model.IsGiven(parsed))
                throw new AudioTokenException(ErrorCode.Usage, "both --model and --tokenizer are given", "one of the two");
            return ClipTokenizer.Load(TokenizerFiles.FromFolder(folder));
        }

        using ModelFiles files = _model.Open(parsed);
        return ClipTokenizer.Load(new TokenizerFiles(files.Name, files.FindTokenizerFile));
    }

    private void Write(IReadOnlyList<int> ids, bool json)
    {
        if (!json)
        {
            _terminal.WriteLine(string.Join(' ', ids));
            return;
        }

        JsonLine.Write(_terminal.Output, writer =>
        {
            writer.WriteStartArray("ids");
            foreach (int id in ids)
                writer.WriteNumberValue(id);
            writer.WriteEndArray();
        });
    }
}
