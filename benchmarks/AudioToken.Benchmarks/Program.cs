using AudioToken.Benchmarks;
using AudioToken.Tensors;

try
{
    switch (args)
    {
        case ["stages", .. string[] rest]:
            return StageBenchmark.Run(rest);
        case ["training", .. string[] rest]:
            return TrainingBenchmark.Run(rest);
        case ["world", .. string[] rest]:
            return WorldBenchmark.Run(rest);
        case ["checkpoint", .. string[] rest]:
            return CheckpointBenchmark.Run(rest);
        case ["bundle", string path, .. string[] rest]:
            FormulaBundle.Write(path, rest is ["f32"] ? DType.F32 : DType.F16);
            return 0;
    }
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
}

Console.Error.WriteLine("""
    Usage: AudioToken.Benchmarks stages [--threads N] [--repetitions N] [--python FILE|none] [-o FILE] [NAME...]
           AudioToken.Benchmarks checkpoint [--folder DIR] [--repetitions N] [-o FILE]
           AudioToken.Benchmarks training [--threads N] [--repetitions N] [--batch N] [--python FILE|none] [-o FILE]
           AudioToken.Benchmarks world [--threads N] [--part N] [-o FILE] [NAME...]
           AudioToken.Benchmarks bundle FILE [f16|f32]
    """);
return 2;
