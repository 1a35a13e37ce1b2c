using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
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
        Product.Doubled([2, 9, 8, 136], 176, skipChannels: 40).WithEverything(),
        Product.Conv([2, 9, 8, 40], 176, 3, 3, new(1, 1)) with { Bias = true, Shortcut = (200, 120) },
        Product.Chain([2, 70, 456], 192, 176).WithEverything(Activation.Gelu),
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
        (int rows, int columns, int depth, int products) = (0, 0, 0, 0);
        ops.PlanOverride = (r, c, d, p) =>
        {
            (rows, columns, depth, products) = (r, c, d, p);
            return null;
        };
        _ = s_products[product].Run(ops);
        HashSet<int> parts = [1, 2, 5];
        // The emulated device has the tiles of all architectures at once.
        IEnumerable<ProductTile> others = CudaEmulation.IsHere ? ProductTile.OfWarps : [];
        ProductPlan[] plans = [.. ProductPlan.Candidates(ops.DeviceInfo, rows, columns, depth, products)
            .Concat(others.SelectMany(tile => parts.Select(count => new ProductPlan(tile, count)))).Where(plan => parts.Contains(plan.Parts))];
        Assert.NotEmpty(plans);
        foreach (ProductPlan plan in plans)
        {
            ops.PlanOverride = (r, c, d, _) => (r, c, d) == (rows, columns, depth) ? plan : null; // not of weights that are multiplied with each other
            s_products[product].Check(ops, BackendData.StorageOf(backend));
        }
    }

    [Fact]
    public void Plans_AreWorkedOutOnce()
    {
        CudaDevice device = new(0, "H200", 90, 132, 141L << 30, 227 << 10, 50 << 20);
        ProductPlans plans = new(device);
        (DType Storage, int Rows, int Columns, int Depth, bool Packed, int Products)[] sizes =
        [
            (DType.F16, 8192, 320, 2880, true, 1), (DType.F16, 8192, 320, 320, true, 3), (DType.F16, 8192, 320, 320, true, 1), (DType.F16, 128, 1280, 11520, true, 1),
            (DType.F16, 128, 1280, 11520, false, 1), (DType.BF16, 128, 1280, 11520, true, 1), (DType.F32, 128, 1280, 11520, true, 1),
        ];
        for (int time = 0; time < 2; time++)
        {
            foreach ((DType storage, int rows, int columns, int depth, bool packed, int products) in sizes)
                Assert.Equal(ProductPlan.For(device, storage, rows, columns, depth, packed, products), plans.For(storage, rows, columns, depth, packed, products));
            Assert.Equal(sizes.Length, plans.Count);
        }

        // However many sizes there are, memory stays bounded.
        for (int rows = 1; rows < 10_000; rows++)
            plans.For(DType.F16, rows, 320, 320, packed: false, products: 1);
        Assert.InRange(plans.Count, 1, 4096);
    }
}
