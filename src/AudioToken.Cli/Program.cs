using AudioToken.Cli;

using Signals signals = new();
int code = await CommandLine.RunAsync(args, Terminal.OfProcess(), signals.Cancellation);
return code == ExitCode.Interrupted ? signals.ExitCode : code;
