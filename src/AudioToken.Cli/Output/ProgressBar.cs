using System.Diagnostics;
using AudioToken.Pipelines;
using Spectre.Console;

namespace AudioToken.Cli.Output;

/// <summary>The bar on standard error; silent where that is not a screen.</summary>
internal static class ProgressBar
{
    /// <summary>Runs the drawing of pictures under a bar.</summary>
    /// <inheritdoc cref="RunAsync(Terminal, Messages, Func{IProgress{BarState}, Task})"/>
    public static Task RunAsync(Terminal terminal, Messages messages, Func<IProgress<GenerationProgress>?, Task> work) =>
        RunAsync(terminal, messages, (IProgress<BarState>? bar) => work(bar is null ? null : new Drawing(bar)));

    /// <summary>Runs work under a bar.</summary>
    /// <param name="terminal">Where to draw.</param>
    /// <param name="messages">Its lines go above the bar while the bar is there.</param>
    /// <param name="work">Given the progress to report to, or null where nobody looks.</param>
    public static async Task RunAsync(Terminal terminal, Messages messages, Func<IProgress<BarState>?, Task> work)
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
                .StartAsync(context => work(new Bar(context.AddTask("starting")))).ConfigureAwait(false);
        }
        finally
        {
            messages.Redirect(null);
        }
    }

    private sealed class Bar(ProgressTask task) : IProgress<BarState>
    {
        public void Report(BarState value)
        {
            task.Description = Markup.Escape(value.Text);
            task.IsIndeterminate = value.Total <= 0;
            task.MaxValue = Math.Max(value.Total, 1);
            task.Value = value.Done;
        }
    }

    private sealed class Drawing(IProgress<BarState> bar) : IProgress<GenerationProgress>
    {
        private readonly ProgressText _text = new();
        private readonly Stopwatch _clock = Stopwatch.StartNew();

        public void Report(GenerationProgress value)
        {
            string text = _text.Next(value, _clock.Elapsed);
            bar.Report(new BarState(text, _text.Done, _text.Total));
        }
    }
}
