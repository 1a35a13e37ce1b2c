using AudioToken.Backends.Cuda;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Every way in which the CUDA backend may cut a product into tiles and parts gives the product.</summary>
public sealed class ProductPlanTests
{
    private static readonly Product[] s_products =
    [
        Product.Linear([2, 99, 648], 328).WithEverything(Activation.Gelu),
        Product.Linear([130, 264], 336).WithEverything(Activation.Geglu),
        Product.Conv([2, 9, 8, 72], 176, 3, 3, new(1, 1), skipChannels: 40).WithEverything(),
    ];

    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> cases = new();
            foreach (string backend in new[] { "cuda f16", "cuda bf16" })
            {
                for (int i = 0; i < s_products.Length; i++)
                    cases.Add(backend, i);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryPlan_MatchesFloat64(string backend, int product)
    {
        using ITensorOps opened = BackendData.Open(backend);
        CudaOps ops = (CudaOps)opened;
        (int rows, int columns, int depth) = (0, 0, 0);
        ops.PlanOverride = (r, c, d, _) =>
        {
            (rows, columns, depth) = (r, c, d);
            return null;
        };
        _ = s_products[product].Run(ops);
        HashSet<int> parts = [1, 2, 5];
        ProductPlan[] plans = [.. ProductPlan.Candidates(ops.DeviceInfo, rows, columns, depth, 1)
            .Concat(ProductTile.OfWarps.SelectMany(tile => parts.Select(count => new ProductPlan(tile, count)))).Where(plan => parts.Contains(plan.Parts))];
        Assert.NotEmpty(plans);
        foreach (ProductPlan plan in plans)
        {
            ops.PlanOverride = (_, _, _, _) => plan;
            s_products[product].Check(ops, BackendData.StorageOf(backend));
        }
    }
}
