// Times every plan of every product of a UNet step on the GPU at hand, beside the plan that the backend would take: what the constants of
// ProductPlan were fitted to. One line a plan: microseconds, operation, shape, rows, columns, depth, products, tile, parts.
//   AudioToken.Tiles [--batch N] [--dtype fp16|bf16] [-o FILE]
using System.Globalization;
using AudioToken.Backends.Cuda;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Tensors;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string Option(string name, string otherwise) => Array.IndexOf(args, name) is >= 0 and var at ? args[at + 1] : otherwise;
int batch = int.Parse(Option("--batch", "2"), CultureInfo.InvariantCulture);
using StreamWriter file = new(Option("-o", "tiles.txt"));
using CudaOps ops = new(new CudaOptions { Storage = Option("--dtype", "fp16") == "bf16" ? DType.BF16 : DType.F16 });
using CudaTimer timer = ops.CreateTimer();
double chosenSum = 0, bestSum = 0;
foreach ((KernelCase item, int calls) in UnetStep.Record(SizedModel.StableDiffusion14.Unet, batch).Calls.Where(call => call.Key is LinearCase or ProjectCase or Conv2dCase))
{
    using TensorScope scope = ops.Scope();
    List<CaseInputs> inputs = [];
    List<Action> runs = [];
    long bytes = Math.Max(1, item.Elements * 2);
    int sets = (int)Math.Clamp((2L * ops.DeviceInfo.CacheBytes / bytes) + 1, 1, 24);
    for (int i = 0; i < sets; i++)
    {
        inputs.Add(new CaseInputs(ops, i));
        runs.Add(item.Prepare(inputs[i]).Run);
    }

    (int Rows, int Columns, int Depth, int Products) size = default;
    ops.PlanOverride = (rows, columns, depth, products) =>
    {
        size = (rows, columns, depth, products);
        return null;
    };
    double chosen = Time(), best = chosen;
    string bestPlan = "as chosen";
    if (size != default)
    {
        ProductPlan own = ProductPlan.For(ops.DeviceInfo, ops.Storage, size.Rows, size.Columns, size.Depth, packed: true, size.Products);
        foreach (ProductPlan plan in ProductPlan.Candidates(ops.DeviceInfo, size.Rows, size.Columns, size.Depth, size.Products))
        {
            ops.PlanOverride = (_, _, _, _) => plan;
            double time = Time();
            file.WriteLine($"{time:0.00}\t{item.Operation}\t{item.Shape}\t{size.Rows}\t{size.Columns}\t{size.Depth}\t{size.Products}\t{plan.Tile.Form}\t{plan.Parts}");
            if (time < best)
                (best, bestPlan) = (time, $"{plan.Tile.Form}/{plan.Parts}");
        }

        Console.WriteLine($"{calls,3} x {item.Operation} {item.Shape,-40} {own.Tile.Form + "/" + own.Parts,-12} {chosen,8:0.00} us, best {bestPlan,-12} {best,8:0.00} us {item.Flops / best / 1e6,6:0} TFLOP/s");
    }

    chosenSum += calls * chosen;
    bestSum += calls * best;
    foreach (CaseInputs set in inputs)
        set.Dispose();
    file.Flush();

    double Time()
    {
        int turns = Math.Max(8, sets);
        using CudaRecording recorded = ops.RecordWork(() =>
        {
            for (int i = 0; i < turns; i++)
            {
                using TensorScope own = ops.Scope();
                runs[i % sets]();
            }
        });
        double[] times = timer.Time(4, _ => recorded.Launch());
        return times.Skip(1).Min() / turns * 1e6;
    }
}

Console.WriteLine($"a step's products: {chosenSum / 1e3:0.000} ms as chosen, {bestSum / 1e3:0.000} ms at best");
