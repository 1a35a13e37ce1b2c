using AudioToken.Benchmarks;

switch (args)
{
    case ["ops", .. string[] rest]:
        return OpBenchmark.Run(rest);
    default:
        Console.Error.WriteLine("Usage: AudioToken.Benchmarks ops [threads] [part of a case's name]");
        return 2;
}
