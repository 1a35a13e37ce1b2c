using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Matrix products with the micro-kernels of one instruction set.</summary>
internal abstract class GemmEngine
{
    /// <summary>The most rows of a block; a product's right-hand side passes by each block once.</summary>
    public const int BlockRows = 140;

    /// <summary>Floats in a vector; the layout of weights depends on it.</summary>
    public abstract int VectorWidth { get; }

    /// <summary>The widest that runs fast on this machine.</summary>
    public static GemmEngine Best() =>
        Vector512.IsHardwareAccelerated ? For(GemmKernel.Vector512)
        : Vector256.IsHardwareAccelerated ? For(GemmKernel.Vector256)
        : For(GemmKernel.Vector128);

    /// <summary>A given one; those wider than the hardware's vectors work too, slowly.</summary>
    public static GemmEngine For(GemmKernel kernel) => kernel switch
    {
        GemmKernel.Vector512 => new GemmEngine<Lanes512, Vector512<float>>(tallest: 14),
        GemmKernel.Vector256 => new GemmEngine<Lanes256, Vector256<float>>(tallest: 6),
        GemmKernel.Vector128 => new GemmEngine<Lanes128, Vector128<float>>(tallest: 6),
        _ => Best(),
    };

    /// <summary>Computes a product whose left-hand side is in memory.</summary>
    public abstract void Multiply(WorkerPool workers, in GemmProblem problem, MatrixRows rows);

    /// <summary>Computes a product whose left-hand side is the windows of a convolution.</summary>
    public abstract void Multiply(WorkerPool workers, in GemmProblem problem, ConvWindows rows);

    /// <summary>Widens panels that rest in a half type.</summary>
    public abstract unsafe void Widen(WorkerPool workers, RestingValues panels, long count, float* destination);

    /// <summary>Widens a few values on the calling thread, a multiple of the vector.</summary>
    public abstract unsafe float* Widen(RestingValues values, int count, float* room);

    /// <summary>Computes a 3x3 convolution of few channels.</summary>
    public abstract void Multiply(WorkerPool workers, in PixelConv job);

    /// <summary>Computes a 3x3 convolution of few channels by transformed tiles; the job's memory is there.</summary>
    public abstract void Multiply(WorkerPool workers, in NarrowWinograd job);

    /// <summary>Computes the present run of tiles of a convolution: transforms them, multiplies them with transformed filters, point by point, and transforms the sums back to outputs.</summary>
    public abstract void Multiply(WorkerPool workers, in WinogradJob job);

    /// <summary>Computes a grouped convolution of many taps.</summary>
    public abstract void Multiply(WorkerPool workers, in PartitionedConv1d job);

    /// <summary>Forms the left-hand operands of the present run of rows of a product by Strassen's way.</summary>
    public abstract void FormOperands(WorkerPool workers, in StrassenJob job);

    /// <summary>Computes the present run of rows of a product by Strassen's way; its operands are formed.</summary>
    public abstract void Multiply(WorkerPool workers, in StrassenJob job);

    /// <summary>Adds up the products of the present run of rows of a convolution to few channels.</summary>
    public abstract void AddTaps(WorkerPool workers, in NarrowConv job);

    /// <summary>Sums the weights of the present run of columns of a convolution of a doubled map.</summary>
    public abstract void SumTaps(WorkerPool workers, in Doubling job);

    /// <summary>Sums the slices of a weight's gradient.</summary>
    public abstract void SumPositions(WorkerPool workers, in WeightGradientJob job);

    /// <summary>Computes a weight's gradient by bands of lines; the job's memory is there.</summary>
    public abstract void SumBands(WorkerPool workers, in BandGradientJob job);

    /// <summary>Computes a weight's gradient by transformed tiles; the job's memory is there.</summary>
    public abstract void SumTiles(WorkerPool workers, WinogradGradientJob job);

    /// <summary>The same of few channels.</summary>
    public abstract void SumTiles(WorkerPool workers, in NarrowWinogradGradientJob job);

    /// <summary>Floats of working memory that each thread needs for the gradients of an attention.</summary>
    public abstract long AttentionGradientFloats(in AttentionGradientJob job);

    /// <summary>Computes the gradients of an attention.</summary>
    public abstract void DifferentiateAttention(WorkerPool workers, in AttentionGradientJob job);
}

/// <summary>Matrix products on one vector type.</summary>
internal sealed class GemmEngine<TLanes, TVector>(int tallest) : GemmEngine
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <inheritdoc/>
    public override int VectorWidth => TLanes.Count;

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in GemmProblem problem, MatrixRows rows)
    {
        if (!RowProducts<TLanes, TVector>.Suits(problem))
        {
            Run(workers, problem, rows);
            return;
        }

        RowProducts<TLanes, TVector> products = new(workers, problem, rows, tallest);
        workers.Run(products.Count, products);
    }

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in GemmProblem problem, ConvWindows rows) => Run(workers, problem, rows);

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in PixelConv job)
    {
        int parts = checked(job.Samples * job.Bands);
        switch (job.Channels)
        {
            case 16:
                workers.Run(parts, new PixelConvRows<TLanes, TVector, Pixels16>(workers, job, tallest >= 14));
                break;
            case 32:
                workers.Run(parts, new PixelConvRows<TLanes, TVector, Pixels32>(workers, job, tallest >= 14));
                break;
            default:
                workers.Run(parts, new PixelConvRows<TLanes, TVector, Pixels64>(workers, job, tallest >= 14));
                break;
        }
    }

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in NarrowWinograd job)
    {
        workers.Run(job.Windows.Packed.Panels, new NarrowWinogradFilters<TLanes, TVector>(job, workers));
        switch (job.Windows.Channels)
        {
            case 16:
                workers.Run(job.Parts, new NarrowWinogradOutputs<TLanes, TVector, Pixels16>(job, workers, tallest));
                break;
            case 32:
                workers.Run(job.Parts, new NarrowWinogradOutputs<TLanes, TVector, Pixels32>(job, workers, tallest));
                break;
            default:
                workers.Run(job.Parts, new NarrowWinogradOutputs<TLanes, TVector, Pixels64>(job, workers, tallest));
                break;
        }
    }

    /// <inheritdoc/>
    public override unsafe void Widen(WorkerPool workers, RestingValues panels, long count, float* destination)
    {
        PanelWidening<TLanes, TVector> widening = new(panels, count, destination);
        workers.Run(widening.Parts, widening);
    }

    /// <inheritdoc/>
    public override unsafe float* Widen(RestingValues values, int count, float* room) => values.Floats<TLanes, TVector>(count, room);

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in WinogradJob job)
    {
        switch (job.Form)
        {
            case WinogradForm.Pairs:
                Multiply<WinogradPair<TLanes, TVector>>(workers, job);
                break;
            case WinogradForm.Phases:
                Multiply<WinogradPhase<TLanes, TVector>>(workers, job);
                break;
            default:
                Multiply<Winograd<TLanes, TVector>>(workers, job);
                break;
        }
    }

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in PartitionedConv1d job) => workers.Run(job.Parts, new PartitionedConv1dOutputs<TLanes, TVector>(job, workers, tallest));

    /// <inheritdoc/>
    public override void FormOperands(WorkerPool workers, in StrassenJob job)
    {
        StrassenInputs<TLanes, TVector> inputs = new(job);
        workers.Run(inputs.Parts, inputs);
    }

    /// <inheritdoc/>
    public override void Multiply(WorkerPool workers, in StrassenJob job)
    {
        StrassenOutputs<TLanes, TVector> outputs = new(job, workers, tallest);
        workers.Run(outputs.Parts, outputs);
    }

    /// <inheritdoc/>
    public override void AddTaps(WorkerPool workers, in NarrowConv job) => workers.Run(job.Rows, new NarrowConvSums<TLanes, TVector>(job, workers));

    /// <inheritdoc/>
    public override void SumTaps(WorkerPool workers, in Doubling job)
    {
        DoublingSums<TLanes, TVector> sums = new(job, workers);
        workers.Run(sums.Parts, sums);
    }

    /// <inheritdoc/>
    public override void SumPositions(WorkerPool workers, in WeightGradientJob job)
    {
        WeightGradientProducts<TLanes, TVector> products = new(workers, job, tallest >= 14);
        workers.Run(products.Parts, products);
    }

    /// <inheritdoc/>
    public override void SumBands(WorkerPool workers, in BandGradientJob job)
    {
        workers.Run(job.Slices, new BandGradientProducts<TLanes, TVector>(workers, job, tallest >= 14));
        workers.Run(job.Outputs, new BandGradientTotals<TLanes, TVector>(workers, job));
    }

    /// <inheritdoc/>
    public override void SumTiles(WorkerPool workers, WinogradGradientJob job)
    {
        for (int most = job.MostTiles; job.FirstTile < job.AllTiles; job.FirstTile += job.Tiles)
        {
            job.Tiles = Math.Min(most, job.AllTiles - job.FirstTile);
            WinogradGradientInputs<TLanes, TVector> inputs = new(job, workers);
            workers.Run(inputs.Parts, inputs);
            workers.Run(job.Blocks, new WinogradGradientOutputs<TLanes, TVector>(job, workers, tallest >= 14));
        }
    }

    /// <inheritdoc/>
    public override void SumTiles(WorkerPool workers, in NarrowWinogradGradientJob job)
    {
        workers.Run(job.Slices, new NarrowWinogradGradientProducts<TLanes, TVector>(job, workers, tallest >= 14));
        workers.Run(job.Outputs, new NarrowWinogradGradientTotals<TLanes, TVector>(job, workers));
    }

    /// <inheritdoc/>
    public override long AttentionGradientFloats(in AttentionGradientJob job) => Gradients(job).RoomFloats;

    /// <inheritdoc/>
    public override void DifferentiateAttention(WorkerPool workers, in AttentionGradientJob job) => workers.Run(job.Parts, Gradients(job));

    private void Multiply<TTransforms>(WorkerPool workers, in WinogradJob job)
        where TTransforms : struct, IWinogradTransforms<TVector>
    {
        workers.Run(job.Tiles, new WinogradInputs<TTransforms, TLanes, TVector>(job, workers));
        WinogradOutputs<TTransforms, TLanes, TVector> outputs = new(job, workers, tallest);
        workers.Run(outputs.Parts, outputs);
    }

    private AttentionGradientBody<TLanes, TVector> Gradients(in AttentionGradientJob job) => new() { Job = job, Tallest = tallest };

    private void Run<TSource>(WorkerPool workers, in GemmProblem problem, TSource rows)
        where TSource : struct, IRowSource
    {
        GemmBlocks<TLanes, TVector, TSource> blocks = new(workers, problem, rows, tallest);
        workers.Run(blocks.Count, blocks);
    }
}
