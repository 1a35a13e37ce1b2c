using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using AudioToken.Backends.Cuda.Peer;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>cuBLASLt through the real bindings, on the emulated device, which computes what it is told and nothing else.</summary>
public sealed unsafe class CublasLtTests
{
    private const int InvalidValue = 7, NotSupported = 15, ExecutionFailed = 13;

    /// <summary>Calls whose failure must be told, and what a product that has everything says behind it.</summary>
    public static TheoryData<string, string> Calls => new()
    {
        { "cublasLtCreate", "" },
        { "cublasLtMatmulDescCreate", "" },
        { "cublasLtMatrixLayoutCreate", "" },
        { "cublasLtMatmulDescSetAttribute", "; product 5x9 by 3 rows of F16, bias, residual" },
        { "cublasLtMatmulPreferenceCreate", "" },
        { "cublasLtMatmulPreferenceSetAttribute", "; product 5x9 by 3 rows of F16, bias, residual" },
        { "cublasLtMatmulAlgoGetHeuristic", "; product 5x9 by 3 rows of F16, bias, residual" },
        { "cublasLtMatmul", "; product 5x9 by 3 rows of F16, bias, residual" },
    };

    [Fact]
    public void Structs_HaveTheLibrarysSizes()
    {
        MatmulHeuristicResult result;
        Assert.Equal((64, 96), (sizeof(MatmulAlgo), sizeof(MatmulHeuristicResult)));
        Assert.Equal((64, 72, 76), ((byte*)&result.WorkspaceBytes - (byte*)&result, (byte*)&result.State - (byte*)&result, (byte*)&result.Waves - (byte*)&result));
    }

    [Fact]
    public void GeluError_IsTheMostThatTheFormsDiffer()
    {
        double[] x = [.. Enumerable.Range(-8000, 16001).Select(i => i / 1000.0)]; // beyond 8 both are 0 or x
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        double[] exact = ops.Download(ops.Activate(ops.Upload(x, [x.Length]), Activation.Gelu));

        double most = x.Zip(exact, (v, gelu) => Math.Abs(TanhGelu(v) - gelu)).Max();

        Assert.InRange(most, 0.98 * CublasLtPeer.GeluError, CublasLtPeer.GeluError);
    }

    [Theory]
    [CombinatorialProducts]
    public void Product_IsTheReferences(DType storage, string size, bool bias, bool residual, Activation activation) => Run(storage, (setup, ops, peer) =>
    {
        int[] extents = [.. size.Split('x').Select(int.Parse)];
        Operands made = new(ops, extents[0], extents[1], extents[2], bias, residual);
        using TensorScope scope = ops.Scope();
        Epilogue whole = made.Epilogue with { Activation = activation };
        Epilogue part = CublasLtPeer.PartOf(whole);
        Assert.Equal((bias, activation, residual && activation == Activation.None), (part.Bias is not null, part.Activation, !part.Residual.IsEmpty));

        IReadOnlyList<Func<Tensor>> ways = peer.Prepare(made.X, made.Weight, part);

        // Of the four that the emulated library names, one cannot be taken, and one keeps parts of sums in the storage type.
        Assert.Equal(storage == DType.F32 ? 3 : 2, ways.Count);
        foreach (Func<Tensor> way in ways)
            made.Check(ops, way(), activation, residual && activation == Activation.None);
        Assert.Equal(ways.Count, setup.Emulator.Count("products"));
        made.Dispose();
    });

    [Fact]
    public void Convolution_OfOnePixelIsAProduct() => Run(DType.F16, (_, ops, peer) =>
    {
        using Operands made = new(ops, 2 * 3 * 5, 11, 4, bias: true, residual: false);
        using Weight weight = ops.LoadWeight(new ArrayWeightSource("w", [4, 11, 1, 1], made.WeightValues), WeightRole.Conv2d);
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload(made.XValues, [2, 3, 5, 11]);

        Tensor y = peer.Prepare(x, weight, made.Epilogue)[0]();

        Assert.Equal([2, 3, 5, 4], y.Shape);
        made.Check(ops, y, Activation.None, residual: false);
    });

    [Fact]
    public void Form_IsAskedForOnce() => Run(DType.F16, (setup, ops, peer) =>
    {
        using TensorScope scope = ops.Scope();
        using Operands first = new(ops, 5, 9, 3, bias: true, residual: false), second = new(ops, 5, 9, 3, bias: true, residual: false, seed: 50);
        IReadOnlyList<Func<Tensor>> a = peer.Prepare(first.X, first.Weight, first.Epilogue), b = peer.Prepare(second.X, second.Weight, second.Epilogue);

        Assert.Equal(1, setup.Emulator.Count("cublasLtMatmulAlgoGetHeuristic"));
        first.Check(ops, a[1](), Activation.None, residual: false); // each with its own bias, in whichever order
        second.Check(ops, b[0](), Activation.None, residual: false);
        first.Check(ops, a[0](), Activation.None, residual: false);
    });

    [Fact]
    public void Product_IsRecorded() => Run(DType.F16, (setup, ops, peer) =>
    {
        using TensorScope scope = ops.Scope();
        using Operands made = new(ops, 5, 9, 3, bias: true, residual: true);
        IReadOnlyList<Func<Tensor>> ways = peer.Prepare(made.X, made.Weight, made.Epilogue);
        nint address = 0;
        using CudaRecording recording = ops.RecordWork(() => address = (nint)((DeviceBlock)ways[0]().Storage).Pointer.Address);
        NativeMemory.Clear((void*)address, 5 * 3 * sizeof(ushort)); // the emulated device's memory is the process's
        long before = setup.Emulator.Count("products");

        recording.Launch();

        Assert.Equal(1, setup.Emulator.Count("products") - before);
        ops.Download(made.X, new float[5 * 9]); // waits
        float[] y = [.. new ReadOnlySpan<ushort>((void*)address, 5 * 3).ToArray().Select(bits => (float)BitConverter.UInt16BitsToHalf(bits))];
        made.Check(y, DType.F16, Activation.None, residual: true);
    });

    [Theory]
    [MemberData(nameof(Calls))]
    public void AnyCall_MayFail(string call, string about) => Setup.Run(setup =>
    {
        Job(setup);
        setup.Emulator.Reset();
        setup.Emulator.Fault(call, 1, NotSupported);

        CudaException failure = Assert.Throws<CudaException>(() => Job(setup));

        Assert.Equal((CudaErrors.PeerCall, NotSupported), (failure.Code, failure.Result));
        Assert.Equal($"{call} failed with CUBLAS_STATUS_NOT_SUPPORTED (15){about}", failure.Message);
        Assert.Equal("measure without --peer, or with another version of cuBLASLt (AUDIOTOKEN_CUBLASLT names its file); CUBLASLT_LOG_LEVEL=5 lets it tell more", failure.Hint);
        setup.Emulator.Reset();
        Job(setup);
    });

    [Fact]
    public void Memory_MayRunOut() => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        setup.Emulator.Set("memory", 16_000_000);
        Assert.Equal(CudaErrors.Memory, Assert.Throws<CudaException>(ops.CreatePeer).Code);
    });

    [Fact]
    public void Library_IsNotTouchedUnlessItIsAskedFor() => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { KernelCacheFolder = null });
        using TensorScope scope = ops.Scope();
        ops.Upload([1f], [1]);
        Assert.DoesNotContain(setup.Emulator.Counts(), count => count.Key.StartsWith("cublas", StringComparison.Ordinal));
    });

    [Fact]
    public void Operands_ThatDoNotFitAreRefused() => Run(DType.F16, (_, ops, peer) =>
    {
        using TensorScope scope = ops.Scope();
        using Operands made = new(ops, 4, 8, 3, bias: false, residual: false);
        string Refusal(Tensor x, in Epilogue part)
        {
            Epilogue given = part;
            return Assert.Throws<ShapeException>(() => peer.Prepare(x, made.Weight, given)).Message;
        }

        Assert.Equal("CublasLtPeer: x is [4, 7], but the rows of weight 'w' [3, 8] have 8 elements.", Refusal(ops.Upload(new float[28], [4, 7]), default));
        Assert.Equal("CublasLtPeer: the residual is [3, 4], wanted [4, 3].", Refusal(made.X, new Epilogue { Residual = ops.Upload(new float[12], [3, 4]) }));
        using Weight vector = ops.LoadWeight(new ArrayWeightSource("v", [8], new float[8]), WeightRole.Vector);
        Assert.Equal("CublasLtPeer: weight 'v' was loaded as Vector, wanted Linear.", Assert.Throws<ShapeException>(() => peer.Prepare(made.X, vector, default)).Message);
    });

    // The emulated library must see what the real one refuses, or that our arguments pass means nothing.
    [Fact]
    public void Requests_ThatContradictThemselvesAreRefused() => WithRequests(sound =>
    {
        Assert.Equal(0, sound.Ask());
        Assert.Equal(InvalidValue, (sound with { WeightStride = Request.Depth - 1 }).Ask());
        Assert.Equal(InvalidValue, (sound with { XStride = Request.Depth - 1 }).Ask());
        Assert.Equal(InvalidValue, (sound with { ResultStride = Request.Columns - 1 }).Ask());
        Assert.Equal(InvalidValue, (sound with { TransposeA = CublasOperation.None }).Ask());
        Assert.Equal(InvalidValue, (sound with { TransposeB = CublasOperation.Transpose }).Ask());
        Assert.Equal(InvalidValue, (sound with { TransposeA = (CublasOperation)9 }).Ask());
        Assert.Equal(InvalidValue, (sound with { ResultRows = Request.Rows }).Ask());
        Assert.Equal(NotSupported, (sound with { ResultType = CudaDataType.F32 }).Ask());
        Assert.Equal(NotSupported, (sound with { Epilogue = (CublasLtEpilogue)1024 }).Ask());
        Assert.Equal(InvalidValue, (sound with { Epilogue = CublasLtEpilogue.Bias }).Ask()); // without a pointer
        Assert.Equal(InvalidValue, (sound with { AttributeBytes = 8 }).Ask());
        Assert.Equal(InvalidValue, (sound with { Attribute = (MatmulDescAttribute)777 }).Ask());
        Assert.Equal(InvalidValue, (sound with { PreferenceBytes = 4 }).Ask());
        Assert.Equal(InvalidValue, (sound with { Preference = (MatmulPreferenceAttribute)88 }).Ask());
        Assert.Equal(InvalidValue, (sound with { Wanted = 0 }).Ask());
        Assert.Equal(InvalidValue, (sound with { Misplaced = 2 }).Ask());
        Assert.Equal(InvalidValue, (sound with { IsWithoutResult = true }).Ask());
        Assert.Equal(InvalidValue, (sound with { WorkspaceBytes = 16, Way = 2 }).Ask());
        Assert.Equal(InvalidValue, (sound with { IsOtherAlgorithm = true }).Ask());
    });

    // What contradicts nothing is computed as it was asked for, so a wrong layout is a wrong result.
    [Fact]
    public void Requests_ThatMeanSomethingElseGiveSomethingElse() => WithRequests(sound =>
    {
        Request square = sound with { IsSquare = true };
        float[] right = square.Result(), swapped = (square with { TransposeA = CublasOperation.None }).Result();
        Assert.True(TensorAssert.RelativeRms(right, swapped) > 0.5);
        swapped = (square with { TransposeB = CublasOperation.Transpose }).Result();
        Assert.True(TensorAssert.RelativeRms(right, swapped) > 0.5);
        float[] skewed = (square with { WeightStride = Request.Side + 1 }).Result(); // room was left behind the weight
        Assert.True(TensorAssert.RelativeRms(right, skewed) > 0.5);
    });

    [Fact]
    public void Request_BeyondItsMemoryLosesTheDevice() => Setup.RunToLoss(_ =>
    {
        using CudaContext context = new();
        using DeviceMemory memory = new(context);
        using CublasLtLibrary library = new(context);
        Request request = new(context, memory, library) { XStride = 1000 };

        Assert.Equal(0, request.Ask());

        CudaException failure = Assert.Throws<CudaException>(context.Synchronize);
        Assert.Equal(CudaErrors.DeviceLost, failure.Code);
        Assert.Contains("cublasLtMatmul: B has ", failure.Message, StringComparison.Ordinal);
        Assert.Equal(ExecutionFailed, request.Ask());
    });

    private static double TanhGelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    private static void Job(Setup setup)
    {
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using CublasLtPeer peer = ops.CreatePeer();
        using TensorScope scope = ops.Scope();
        using Operands made = new(ops, 5, 9, 3, bias: true, residual: true);
        made.Check(ops, peer.Prepare(made.X, made.Weight, made.Epilogue)[0](), Activation.None, residual: true);
    }

    private static void Run(DType storage, Action<Setup, CudaOps, CublasLtPeer> test) => Setup.Run(setup =>
    {
        using CudaOps ops = new(new CudaOptions { Storage = storage, KernelCacheFolder = null });
        using CublasLtPeer peer = ops.CreatePeer();
        test(setup, ops, peer);
    });

    private static void WithRequests(Action<Request> test) => Setup.Run(_ =>
    {
        using CudaContext context = new();
        using DeviceMemory memory = new(context);
        using CublasLtLibrary library = new(context);
        test(new Request(context, memory, library));
    });

    // Every storage type and epilogue, at sizes that are round, odd, padded and one.
    private sealed class CombinatorialProductsAttribute : Xunit.v3.DataAttribute
    {
        public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker)
        {
            (bool, bool, Activation)[] epilogues =
            [
                (false, false, Activation.None), (true, false, Activation.None), (true, true, Activation.None), (false, true, Activation.None),
                (true, false, Activation.Gelu), (false, false, Activation.Gelu), (true, true, Activation.Relu),
            ];
            List<ITheoryDataRow> rows = [];
            foreach (DType storage in (DType[])[DType.F16, DType.BF16, DType.F32])
            {
                foreach (string size in (string[])["8x16x24", "5x9x3", "33x7x65", "1x1x1"])
                    rows.AddRange(epilogues.Select(e => new TheoryDataRow<DType, string, bool, bool, Activation>(storage, size, e.Item1, e.Item2, e.Item3)));
            }

            return new(rows);
        }

        public override bool SupportsDiscoveryEnumeration() => true;
    }

    // A matrix, a weight, a bias and a residual, in values that the storage type holds; and what comes of them in float64.
    private sealed class Operands : IDisposable
    {
        private readonly int _rows, _depth, _columns;
        private readonly float[] _bias, _residual;
        private readonly Weight? _biasWeight;

        public Operands(CudaOps ops, int rows, int depth, int columns, bool bias, bool residual, ulong seed = 7)
        {
            (_rows, _depth, _columns) = (rows, depth, columns);
            XValues = RoundedOps.Round(new Draw(seed).Normal([rows, depth]), ops.Storage);
            WeightValues = RoundedOps.Round(new Draw(seed + 1).Normal([columns, depth]), ops.Storage);
            _bias = RoundedOps.Round(new Draw(seed + 2).Normal([columns]), ops.Storage);
            _residual = RoundedOps.Round(new Draw(seed + 3).Normal([rows, columns]), ops.Storage);
            X = ops.Upload(XValues, [rows, depth]);
            Weight = ops.LoadWeight(new ArrayWeightSource("w", [columns, depth], WeightValues), WeightRole.Linear);
            _biasWeight = bias ? ops.LoadWeight(new ArrayWeightSource("b", [columns], _bias), WeightRole.Vector) : null;
            Epilogue = new Epilogue(_biasWeight) { Residual = residual ? ops.Upload(_residual, [rows, columns]) : default };
        }

        public float[] XValues { get; }

        public float[] WeightValues { get; }

        public Tensor X { get; }

        public Weight Weight { get; }

        public Epilogue Epilogue { get; }

        public void Check(CudaOps ops, Tensor y, Activation activation, bool residual)
        {
            Assert.Equal(ops.Storage, y.DType);
            float[] found = new float[y.Shape.Count];
            ops.Download(y, found);
            Check(found, ops.Storage, activation, residual);
        }

        // A sum of n terms in fp32 in any order is off by (n - 1) 2^-24 of the sum of their magnitudes, and the result is rounded once. The GELU has a
        // slope of at most 1.13 and, with its own roundings, eight of its own on its argument's magnitude.
        public void Check(ReadOnlySpan<float> found, DType storage, Activation activation, bool residual)
        {
            (double roundoff, double smallest) = storage switch { DType.F16 => (Math.Pow(2, -11), Math.Pow(2, -25)), DType.BF16 => (Math.Pow(2, -8), 0), _ => (Math.Pow(2, -24), 0) };
            for (int i = 0; i < found.Length; i++)
            {
                (int row, int column) = (i / _columns, i % _columns);
                double sum = _biasWeight is null ? 0 : _bias[column], magnitude = Math.Abs(sum);
                for (int k = 0; k < _depth; k++)
                {
                    double term = (double)XValues[row * _depth + k] * WeightValues[column * _depth + k];
                    (sum, magnitude) = (sum + term, magnitude + Math.Abs(term));
                }

                if (residual)
                    (sum, magnitude) = (sum + _residual[i], magnitude + Math.Abs(_residual[i]));
                double expected = activation switch
                {
                    Activation.Relu => Math.Max(0, sum),
                    Activation.Gelu => TanhGelu(sum),
                    _ => sum,
                };
                double bound = roundoff * Math.Abs(expected) + 1.13 * (_depth + 3 + (activation == Activation.Gelu ? 8 : 0)) * Tolerance.Roundoff * magnitude + smallest;
                Assert.True(Math.Abs(found[i] - expected) <= bound, $"{storage} [{row}, {column}]: {found[i]:g9}, wanted {expected:g9} within {bound:g3}");
            }
        }

        public void Dispose()
        {
            Weight.Dispose();
            _biasWeight?.Dispose();
        }
    }

    // One product asked for by hand, each part of which may be planted wrong: y [5, 3] = x [5, 9] W^T, W [3, 9]; or all three [8, 8].
    private sealed record Request(CudaContext Context, DeviceMemory Memory, CublasLtLibrary Library)
    {
        public const int Rows = 5, Depth = 9, Columns = 3, Side = 8;

        public bool IsSquare { get; init; }

        public CublasOperation TransposeA { get; init; } = CublasOperation.Transpose;

        public CublasOperation TransposeB { get; init; }

        public int WeightStride { get; init; }

        public int XStride { get; init; }

        public int ResultStride { get; init; }

        public int ResultRows { get; init; }

        public CudaDataType ResultType { get; init; } = CudaDataType.F16;

        public CublasLtEpilogue Epilogue { get; init; } = CublasLtEpilogue.Default;

        public int AttributeBytes { get; init; } = sizeof(int);

        public MatmulDescAttribute Attribute { get; init; } = MatmulDescAttribute.TransposeA;

        public MatmulPreferenceAttribute Preference { get; init; } = MatmulPreferenceAttribute.MaxWorkspaceBytes;

        public int PreferenceBytes { get; init; } = sizeof(ulong);

        public int Wanted { get; init; } = 8;

        public ulong Misplaced { get; init; }

        public bool IsWithoutResult { get; init; }

        public int WorkspaceBytes { get; init; } = 4096;

        public int Way { get; init; }

        public bool IsOtherAlgorithm { get; init; }

        public int Ask() => Ask(out _);

        public float[] Result()
        {
            Assert.Equal(0, Ask(out float[] result));
            return result;
        }

        private int Ask(out float[] result)
        {
            (int rows, int depth, int columns) = IsSquare ? (Side, Side, Side) : (Rows, Depth, Columns);
            result = [];
            using CublasLtDescription product = CublasLtDescription.Product(), preference = CublasLtDescription.Preference();
            using CublasLtDescription weight = CublasLtDescription.Matrix(CudaDataType.F16, depth, columns, WeightStride > 0 ? WeightStride : depth);
            using CublasLtDescription x = CublasLtDescription.Matrix(CudaDataType.F16, depth, rows, XStride > 0 ? XStride : depth);
            using CublasLtDescription y = CublasLtDescription.Matrix(ResultType, ResultRows > 0 ? ResultRows : columns, rows, ResultStride > 0 ? ResultStride : columns);
            long transposeA = (long)TransposeA;
            CublasOperation transposeB = TransposeB;
            CublasLtEpilogue epilogue = Epilogue;
            ulong most = 4096;
            MatmulHeuristicResult* ways = stackalloc MatmulHeuristicResult[8];
            CublasStatus status = CublasLt.cublasLtMatmulDescSetAttribute(product.Value, Attribute, &transposeA, (nuint)AttributeBytes);
            if (status == 0)
                status = CublasLt.cublasLtMatmulDescSetAttribute(product.Value, MatmulDescAttribute.TransposeB, &transposeB, sizeof(int));
            if (status == 0)
                status = CublasLt.cublasLtMatmulDescSetAttribute(product.Value, MatmulDescAttribute.Epilogue, &epilogue, sizeof(int));
            if (status == 0)
                status = CublasLt.cublasLtMatmulPreferenceSetAttribute(preference.Value, Preference, &most, (nuint)PreferenceBytes);
            if (status == 0)
                status = CublasLt.cublasLtMatmulAlgoGetHeuristic(Library.Value, product.Value, weight.Value, x.Value, y.Value, y.Value, preference.Value, Wanted, ways, out _);
            if (status != 0)
                return (int)status;
            if (IsOtherAlgorithm)
                ways[Way].Algorithm[1]++;
            DeviceBlock operands = Memory.Take(4096), results = Memory.Take(4096), workspace = Memory.Take(4096);
            Half* values = (Half*)operands.Pointer.Address; // the emulated device's memory is the process's
            for (int i = 0; i < 4096 / sizeof(Half); i++)
                values[i] = (Half)(((i * 37) % 64 - 32) / 16f);
            float alpha = 1, beta = 0;
            ulong destination = IsWithoutResult ? 0 : results.Pointer.Address;
            status = CublasLt.cublasLtMatmul(
                Library.Value, product.Value, &alpha, operands.Pointer.Address, weight.Value, operands.Pointer.Address + 2048 + Misplaced, x.Value, &beta, destination, y.Value, destination, y.Value,
                ways[Way].Algorithm, workspace.Pointer.Address, (nuint)WorkspaceBytes, Context.Stream);
            result = [.. new ReadOnlySpan<Half>((void*)results.Pointer.Address, rows * columns).ToArray().Select(value => (float)value)];
            Memory.GiveBack(operands);
            Memory.GiveBack(results);
            Memory.GiveBack(workspace);
            return (int)status;
        }
    }
}
