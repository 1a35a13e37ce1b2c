using AudioToken.Backends.Cuda.Peer;
using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Cli.Benchmarks;

/// <summary>cuBLASLt beside the operations of a CUDA device.</summary>
internal sealed class CublasLtBenchPeer(CublasLtPeer library) : BenchPeer
{
    /// <summary>On the command line.</summary>
    public const string Word = "cublaslt";

    public override string Name => Word;

    public override string Version => CublasLtPeer.Version;

    public override Epilogue PartOf(in Epilogue epilogue) => CublasLtPeer.PartOf(epilogue);

    public override (string Name, double Error)? FormOf(Activation activation) => activation == Activation.Gelu ? ("tanh-gelu", CublasLtPeer.GeluError) : null;

    public override IReadOnlyList<Func<Tensor>> Prepare(Tensor x, Weight weight, in Epilogue part) => library.Prepare(x, weight, part);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            library.Dispose();
    }
}
