using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

/// <summary>Matrix products and convolutions on every backend and in every storage type.</summary>
public sealed class ProductTests
{
    private static readonly Product[] s_products =
    [
        Product.Linear([1, 1], 1),
        Product.Linear([13, 7], 5).WithEverything(Activation.QuickGelu),
        Product.Linear([29, 513], 17).WithEverything(Activation.Gelu),
        Product.Linear([2, 33, 64], 72).WithEverything(),
        Product.Linear([2, 700, 40], 640).WithEverything(Activation.Relu), // wide tiles
        Product.Linear([3, 5, 19], 26).WithEverything(Activation.Geglu),
        Product.Linear([2, 70, 48], 256).WithEverything(Activation.Geglu),
        Product.Linear([3, 5, 16], 8) with { Bias = true, ShiftRows = 1 },
        Product.Linear([77], 16) with { ShiftRows = 1, Residual = true },
        Product.Chain([1, 1], 1, 1),
        Product.Chain([3, 5, 19], 13, 11) with { Bias = true, Residual = true }, // rows that are filled up
        Product.Chain([2, 33, 64], 16, 16) with { Bias = true, Residual = true, WeightType = DType.F16 }, // as the UNet's
        Product.Chain([2, 70, 40], 24, 72).WithEverything(), // more columns than between the layers
        Product.Chain([77, 264], 72, 40).WithEverything(Activation.Gelu),
        Product.Chain([24], 16, 8) with { WeightType = DType.BF16 },
        Product.Conv([2, 7, 5, 11], 13, 3, 3, new(1, 1)).WithEverything(),
        Product.Conv([1, 1, 1, 3], 2, 3, 3, new(1, 1)), // all but the middle tap in the padding
        Product.Conv([2, 9, 8, 64], 33, 3, 3, new(1, 1)).WithEverything(),
        Product.Conv([1, 9, 8, 8], 16, 3, 3, new(2, 1)),
        Product.Conv([2, 8, 6, 8], 7, 3, 3, new() { Stride = 2, PadBottom = 1, PadRight = 1 }), // diffusers' VAE downsampling
        Product.Conv([1, 5, 6, 3], 4, 2, 3, new() { Stride = 1, PadTop = 2, PadLeft = 0, PadBottom = 0, PadRight = 3 }),
        Product.Conv([1, 48, 32, 1], 24, 16, 16, new(16, 0)), // BEATs' patches
        Product.Conv([2, 6, 7, 4], 40, 3, 3, new(1, 1)), // a first convolution
        Product.Conv([2, 6, 7, 40], 4, 3, 3, new(1, 1)), // a last one
        Product.Conv([2, 4, 5, 8], 9, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 8, UpsampleWidth = 10 }),
        Product.Conv([1, 4, 5, 6], 9, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 7, UpsampleWidth = 9 }), // to odd sizes
        Product.Doubled([1, 1, 1, 3], 2), // all but one tap of a phase in the padding
        Product.Doubled([2, 4, 5, 8], 9),
        Product.Doubled([2, 7, 5, 11], 13, skipChannels: 6).WithEverything(),
        Product.Doubled([2, 9, 7, 40], 72, skipChannels: 24).WithEverything(Activation.None), // long sums of few tiles, which are split
        Product.Doubled([3, 8, 8, 16], 33) with { Bias = true, ShiftRows = 3, Residual = true, WeightType = DType.F16 },
        Product.Conv([1, 4, 5, 6], 9, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 7, UpsampleWidth = 10 }) with { Doubling = true, WeightType = DType.BF16 }, // not quite twice
        Product.Conv([2, 5, 4, 8], 9, 3, 3, new(1, 1)) with { Doubling = true }, // not enlarged at all
        Product.Conv([1, 1, 1, 3], 2, 3, 3, new(1, 1)) with { Shortcut = (5, 0) },
        Product.Conv([2, 5, 6, 24], 16, 3, 3, new(1, 1)) with { Bias = true, ShiftRows = 2, Shortcut = (16, 8) },
        Product.Conv([2, 7, 5, 11], 13, 3, 3, new(1, 1)) with { Bias = true, Shortcut = (3, 2) }, // rows that are filled up
        Product.Conv([1, 6, 7, 64], 72, 3, 3, new(1, 1)) with { Bias = true, Shortcut = (128, 192), WeightType = DType.F16 }, // as the UNet's
        Product.Conv([2, 3, 4, 8], 9, 1, 1, new(1, 0)) with { Shortcut = (40, 0), WeightType = DType.BF16 },
        Product.Conv([2, 5, 6, 24], 16, 3, 3, new(1, 1), skipChannels: 8).WithEverything(),
        Product.Conv([2, 5, 6, 30], 9, 1, 1, new(1, 0), skipChannels: 31),
        Product.Conv([2, 5, 6, 7], 9, 1, 1, new(2, 0)), // a 1x1 window that skips pixels is no plain matrix
        Product.Conv([1, 3, 3, 2], 5, 5, 5, new(1, 4)), // windows that lie in the padding altogether
        Product.Conv([1, 40, 40, 8], 648, 3, 3, new(1, 1)), // wide tiles
        Product.Grouped([2, 13, 16], 2, 5, 2).WithEverything(),
        Product.Grouped([1, 21, 12], 4, 4, 2),
        Product.Grouped([2, 31, 96], 2, 16, 8).WithEverything(Activation.Gelu), // BEATs' positions
        Product.Linear([1, 1300], 33) with { WeightType = DType.F16 }, // one row, several steps of K
        (Product.Linear([29, 513], 17) with { WeightType = DType.BF16 }).WithEverything(Activation.Gelu),
        (Product.Linear([2, 300, 40], 136) with { WeightType = DType.F16 }).WithEverything(), // many blocks of rows
        (Product.Linear([3, 5, 19], 26) with { WeightType = DType.F16 }).WithEverything(Activation.Geglu),
        (Product.Linear([2, 70, 48], 256) with { WeightType = DType.BF16 }).WithEverything(Activation.Geglu),
        (Product.Conv([2, 5, 6, 24], 16, 3, 3, new(1, 1), skipChannels: 8) with { WeightType = DType.F16 }).WithEverything(),
        Product.Conv([1, 9, 8, 8], 19, 3, 3, new(2, 1)) with { WeightType = DType.BF16 },
        Product.Conv([2, 5, 6, 30], 9, 1, 1, new(1, 0), skipChannels: 31) with { WeightType = DType.F16 },
        Product.Conv([1, 30, 20, 7], 33, 3, 3, new(1, 1)) with { WeightType = DType.BF16 }, // many blocks of rows
        Product.Grouped([1, 21, 12], 4, 4, 2) with { WeightType = DType.F16 },
    ];

    public static TheoryData<string, string> Cases => BackendData.With(s_products.Select(product => product.ToString()));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Product_MatchesFloat64(string backend, string name)
    {
        using ITensorOps ops = BackendData.Open(backend);
        s_products.Single(product => product.ToString() == name).Check(ops, BackendData.StorageOf(backend));
    }

    public static TheoryData<string> Backends => BackendData.All;

    [Theory]
    [MemberData(nameof(Backends))]
    public void Shortcut_ThatDoesNotFitIsRefused(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        using Weight weight = Kernel([5, 3, 3, 3]), own = Kernel([5, 2, 1, 1]), wide = Kernel([5, 2, 3, 3]), narrow = Kernel([4, 2, 1, 1]);
        Tensor x = ops.Upload(new float[2 * 4 * 4 * 3], [2, 4, 4, 3]), source = ops.Upload(new float[2 * 4 * 4 * 2], [2, 4, 4, 2]);

        Refused("x is [2, 4, 4, 3], the result [2, 2, 2, 5]; the convolution keeps height and width", new(2, 1), default, new(source, own, null));
        Refused("x is [2, 4, 4, 3], the result [2, 8, 8, 5]", new(1, 1) { UpsampleHeight = 8, UpsampleWidth = 8 }, default, new(source, own, null));
        Refused("it wants bias and channel shift alone", new(1, 1), new() { Activation = Activation.Silu }, new(source, own, null));
        Refused("Conv2d [5, 2, 3, 3] makes [2, 2, 2, 5] of [2, 4, 4, 2]; it wants a 1x1 window and the result's [2, 4, 4, 5]", new(1, 1), default, new(source, wide, null));
        Refused("Conv2d [4, 2, 1, 1] makes [2, 4, 4, 4] of [2, 4, 4, 2]; it wants", new(1, 1), default, new(source, narrow, null));
        Refused("the input has 3 channels, Conv2d [5, 2, 1, 1] wants 2", new(1, 1), default, new(x, own, null));

        Weight Kernel(Shape shape) => ops.Weight(new Draw(1), WeightRole.Conv2d, shape);

        void Refused(string why, ConvGeometry geometry, Epilogue epilogue, Shortcut shortcut) => Assert.Contains(
            why, Assert.Throws<ShapeException>(() => { ops.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut); }).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Chain_ThatDoesNotFitIsRefused(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        using Weight first = ops.Weight(new Draw(1), WeightRole.Linear, [3, 4]), second = ops.Weight(new Draw(1), WeightRole.Linear, [5, 3]), bias = ops.Weight(new Draw(1), WeightRole.Vector, [3]);
        Tensor x = ops.Upload(new float[2 * 4], [2, 4]), residual = ops.Upload(new float[2 * 3], [2, 3]);

        Refused("Linear is [5, 3], Linear behind it [3, 4]; it wants [N, 5]", () => ops.Prepare(new(new(second, null), new(first, null))));
        Refused("Vector is a Vector [3]; it wants a Vector [5]", () => ops.Prepare(new(new(first, bias), new(second, bias))));
        LinearChain chain = new(new(first, bias), new(second, null));
        Refused("the residual is [2, 4]; it wants [2, 3], as Linear makes of x [2, 4]", () => ops.LinearChain(x, chain, x, default));
        Refused("the epilogue has a bias, Vector; the second layer's is in the chain", () => ops.LinearChain(x, chain, residual, new(bias)));
        Refused("x is [2, 3], Linear is [3, 4]", () => ops.LinearChain(residual, chain, residual, default));

        static void Refused(string why, Action action) => Assert.Contains(why, Assert.Throws<ShapeException>(action).Message, StringComparison.Ordinal);
    }

    // Of results with variance 5, of which 4 are the residual's: the product of both weights is rounded for what has 1 of it, what lies between two layers for all 5,
    // and either way the result is. So errors have variances as 1 + 5 and 5 + 5 and deviations as 0.77 and 1, told from 2048 results to 2 %.
    [Theory]
    [InlineData("cuda f16")]
    [InlineData("cuda bf16")]
    public void Chain_ErrsLessThanItsLayers(string backend)
    {
        using ITensorOps opened = BackendData.Open(backend), reference = new ReferenceOps();
        DType storage = BackendData.StorageOf(backend);
        float[] expected = Compute(new RoundedOps(reference, storage), isOne: true);
        double one = Deviation(isOne: true), each = Deviation(isOne: false);
        Assert.InRange(one / each, 0.7, 0.85);

        double Deviation(bool isOne) => Math.Sqrt(Compute(new RoundedOps(opened, storage), isOne).Zip(expected, (found, wanted) => Math.Pow(found - (double)wanted, 2)).Average());

        static float[] Compute(RoundedOps ops, bool isOne)
        {
            Draw draw = new(1);
            using TensorScope scope = ops.Scope();
            using Weight first = ops.Weight(draw, WeightRole.Linear, [64, 256], deviation: 1.0 / 16), second = ops.Weight(draw, WeightRole.Linear, [64, 64], deviation: 1.0 / 8);
            LinearChain chain = new(new(first, null), new(second, null));
            if (isOne)
                ops.Prepare(chain);
            return ops.Values(ops.LinearChain(ops.Normal(draw, [32, 256]), chain, ops.Normal(draw, [32, 64], deviation: 2), default));
        }
    }

    public static TheoryData<string, string> Projections => BackendData.With(["3 of one shape", "3 of one shape, wide", "2 of one shape", "2 of two shapes", "4 of one shape", "1"]);

    // Sums are taken in the same order whichever the launch, so that every bit agrees with the product by itself.
    [Theory]
    [MemberData(nameof(Projections))]
    public void Project_IsThatManyProducts(string backend, string name)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Draw draw = new(7);
        bool wide = name.EndsWith("wide", StringComparison.Ordinal), two = name.EndsWith("two shapes", StringComparison.Ordinal);
        int count = name[0] - '0', depth = wide ? 64 : 19, columns = wide ? 320 : 21;
        Tensor x = ops.Normal(draw, wide ? [2, 700, depth] : [2, 5, depth]);
        Projection[] projections = new Projection[count];
        for (int i = 0; i < count; i++)
        {
            int rows = two ? columns + i : columns;
            projections[i] = new Projection(
                ops.Weight(draw, WeightRole.Linear, [rows, depth], deviation: 0.2),
                i == 1 ? null : ops.Weight(draw, WeightRole.Vector, [rows]));
        }

        Tensor[] together = new Tensor[count];
        ops.Project(x, projections, together);
        foreach ((Projection one, Tensor found) in projections.Zip(together))
        {
            Tensor wanted = ops.Linear(x, one.Weight, new Epilogue(one.Bias));
            Assert.Equal(wanted.Shape, found.Shape);
            Assert.Equal(ops.Values(wanted), ops.Values(found));
            one.Weight.Dispose();
            one.Bias?.Dispose();
        }
    }
}
