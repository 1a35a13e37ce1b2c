using AudioToken.Fuzz;
using SharpFuzz;

// audiotoken-fuzz TARGET               under afl-fuzz, which gives inputs by standard input
// audiotoken-fuzz TARGET FILE          runs one input, e.g. one that AFL kept
// audiotoken-fuzz TARGET --seeds DIR   writes the seed corpus
// audiotoken-fuzz TARGET --runs N      runs N damaged seeds, without AFL
FuzzTarget? target = FuzzTargets.All.FirstOrDefault(each => args.Length > 0 && each.Name == args[0]);
if (target is null)
{
    Console.Error.WriteLine($"wanted a target: {string.Join(", ", FuzzTargets.All.Select(each => each.Name))}");
    return 2;
}

string folder = Directory.CreateTempSubdirectory("audiotoken-fuzz-").FullName;
try
{
    switch (args)
    {
        case [_]:
            Fuzzer.OutOfProcess.Run(stream =>
            {
                using MemoryStream input = new();
                stream.CopyTo(input);
                target.Run(input.ToArray(), folder);
            });
            return 0;
        case [_, "--seeds", var seeds]:
            foreach ((string name, byte[] seed) in target.Seeds())
                File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(seeds).FullName, name), seed);
            return 0;
        case [_, "--runs", var runs]:
            int read = MutatedRuns.Run(target, folder, int.Parse(runs, System.Globalization.CultureInfo.InvariantCulture), seed: Environment.TickCount);
            Console.WriteLine($"{target.Name}: {runs} runs, {read} of them read");
            return 0;
        default:
            Console.WriteLine(target.Run(File.ReadAllBytes(args[1]), folder) ? "read" : "refused");
            return 0;
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}
