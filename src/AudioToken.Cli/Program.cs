return await AudioToken.Cli.CommandLine.OfProcessAsync(args);
