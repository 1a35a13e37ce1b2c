using System.Diagnostics;
using AudioToken.Pipelines;
using Spectre.Console;

namespace AudioToken.Cli.Output;

/// <summary>The bar on standard error; silent where that is not a screen.</summary>
internal static class ProgressBar
{
    /// <summary>Runs work under a bar.</summary>
    /// <param name="terminal">Where to draw.</param>
    /// <param name="messages">Its lines go above the bar while the bar is there.</param>
    /// <param name="work">Given the progress to report to, or null where nobody looks.</param>
    public static async Task RunAsync(Terminal terminal, Messages messages, Func<IProgress<GenerationProgress>?, Task> work)
    {
        if (!terminal.ErrorIsScreen || messages.Quiet)
        {
            await work(null).ConfigureAwait(false);
            return;
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(terminal.Error),
            Ansi = OperatingSystem.IsWindows() ? AnsiSupport.Detect : AnsiSupport.Yes,
            ColorSystem = terminal.Colours ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
        });
        messages.Redirect(line => console.WriteLine(line));
        try
        {
            await console.Progress()
                .AutoClear(true)
                .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .StartAsync(context => work(new Reporter(context.AddTask("starting")))).ConfigureAwait(false);
        }
        finally
        {
            messages.Redirect(null);
        }
    }

    private sealed class Reporter(ProgressTask task) : IProgress<GenerationProgress>
    {
        private readonly ProgressText _text = new();
        private readonly Stopwatch _clock = Stopwatch.StartNew();

        public void Report(GenerationProgress value)
        {
            task.Description = Markup.Escape(_text.Next(value, _clock.Elapsed));
            task.MaxValue = _text.Total;
            task.Value = _text.Done;
        }
    }
}
